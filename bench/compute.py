"""Computing many segments in the running product: by one request in one run, against a request and a run for each.

From the first request to the end of the last run, by the public API past the gateway: the log, the lease, the publication and
the word about it are part of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx

from bench.harness.pairs import in_turn, milliseconds
from bench.harness.product import bearer, call, running
from bench.report import Ratio
from segops_local.cli.account import Account

ROUNDS = 3
SEGMENTS = 50
EVENTS = 50_000
USERS = 2_000
EVENT_TYPES = 10
BATCH = 500
RUN_TIMEOUT_S = 120.0
_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class _Asked:
    """The API, and the segments to compute."""

    client: httpx.AsyncClient
    tenant: int
    segments: Sequence[int]

    async def together(self) -> None:
        """One request."""
        (run,) = (await call(self.client, "/api/segments/compute/", {"tenant": self.tenant}))["runs"]
        await self._ended([(segment, run["run_id"]) for segment in self.segments])

    async def each(self) -> None:
        """A request for each, the next one sent when the one before it is answered."""
        runs = [await call(self.client, f"/api/segments/{segment}/compute/", None) for segment in self.segments]
        await self._ended([(segment, run["run_id"]) for segment, run in zip(self.segments, runs, strict=True)])

    async def _ended(self, runs: Sequence[tuple[int, str]]) -> None:
        """A tenant's runs end in their order, so the last is waited for first."""
        async with asyncio.timeout(RUN_TIMEOUT_S):
            for segment, run_id in reversed(runs):
                while (status := await self._status(segment, run_id)) != "succeeded":
                    if status not in ("queued", "running"):
                        raise RuntimeError(f"run {run_id} ended as {status}")
                    await asyncio.sleep(_POLL_S)

    async def _status(self, segment: int, run_id: str) -> str:
        answer = await self.client.get(f"/api/segments/{segment}/runs/{run_id}/")
        return str(answer.raise_for_status().json()["status"])


async def run() -> list[Ratio]:
    """In a stack that is started for it."""
    async with _filled() as product:
        together, separately = await in_turn(
            ROUNDS, partial(milliseconds, product.together), partial(milliseconds, product.each)
        )
    return [Ratio(f"{SEGMENTS} segments computed by a request for each", "by one request", separately, together, "ms")]


@asynccontextmanager
async def _filled() -> AsyncIterator[_Asked]:
    async with running() as (stack, account), httpx.AsyncClient(base_url=stack.url, timeout=60) as client:
        yield await _fill(client, account)


async def _fill(client: httpx.AsyncClient, account: Account) -> _Asked:
    key = {"Authorization": f"ApiKey {account.api_key}"}
    events = [
        {"type": "track", "user_id": f"user-{n * 7919 % USERS}", "event_type": f"type-{n % EVENT_TYPES}"}
        for n in range(EVENTS)
    ]
    for first in range(0, EVENTS, BATCH):
        await call(client, "/api/ingestion/batch/", {"batch": events[first : first + BATCH]}, key)
    client.headers.update(await bearer(client, account))
    segments = [await call(client, "/api/segments/", _segment(n, account.tenant_id)) for n in range(SEGMENTS)]
    return _Asked(client, account.tenant_id, [segment["id"] for segment in segments])


def _segment(number: int, tenant: int) -> dict[str, Any]:
    condition = {
        "type": "event_count",
        "event_type": f"type-{number % EVENT_TYPES}",
        "operator": "gte",
        "value": 1 + number // EVENT_TYPES,
    }
    definition = {"logic": "AND", "conditions": [condition]}
    return {"name": f"bench {number}", "tenant": tenant, "segment_type": "rule", "definition": definition}
