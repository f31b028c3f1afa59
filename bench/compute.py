"""Computes many segments in the running product: with one request and one run, and with a request and a run for each.

The time runs from the first request to the end of the last run, through the public API without the gateway. It includes
the event log, the lease, the publication and its report.
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
class _Product:
    """The API of a running stack, and the segments to compute."""

    client: httpx.AsyncClient
    tenant: int
    segments: Sequence[int]

    async def together(self) -> None:
        """Compute all segments with one request."""
        (run,) = (await call(self.client, "/api/segments/compute/", {"tenant": self.tenant}))["runs"]
        await self._ended([(segment, run["run_id"]) for segment in self.segments])

    async def one_by_one(self) -> None:
        """Compute each segment with its own request; send a request when the one before it was answered."""
        runs = [await call(self.client, f"/api/segments/{segment}/compute/", None) for segment in self.segments]
        await self._ended([(segment, run["run_id"]) for segment, run in zip(self.segments, runs, strict=True)])

    async def _ended(self, runs: Sequence[tuple[int, str]]) -> None:
        """Wait until all runs succeeded. Raises RuntimeError for a run that failed."""
        # A tenant's runs end in order, so waiting for the last one first needs the fewest requests.
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
    """Measure in a new stack."""
    async with _filled() as product:
        together, one_by_one = await in_turn(
            ROUNDS, partial(milliseconds, product.together), partial(milliseconds, product.one_by_one)
        )
    return [Ratio(f"{SEGMENTS} segments computed by a request for each", "by one request", one_by_one, together, "ms")]


@asynccontextmanager
async def _filled() -> AsyncIterator[_Product]:
    async with running() as (stack, account), httpx.AsyncClient(base_url=stack.url, timeout=60) as client:
        yield await _fill(client, account)


async def _fill(client: httpx.AsyncClient, account: Account) -> _Product:
    key = {"Authorization": f"ApiKey {account.api_key}"}
    events = [
        {"type": "track", "user_id": f"user-{n * 7919 % USERS}", "event_type": f"type-{n % EVENT_TYPES}"}
        for n in range(EVENTS)
    ]
    for first in range(0, EVENTS, BATCH):
        await call(client, "/api/ingestion/batch/", {"batch": events[first : first + BATCH]}, key)
    client.headers.update(await bearer(client, account))
    segments = [await call(client, "/api/segments/", _segment(n, account.tenant_id)) for n in range(SEGMENTS)]
    return _Product(client, account.tenant_id, [segment["id"] for segment in segments])


def _segment(number: int, tenant: int) -> dict[str, Any]:
    condition = {
        "type": "event_count",
        "event_type": f"type-{number % EVENT_TYPES}",
        "operator": "gte",
        "value": 1 + number // EVENT_TYPES,
    }
    definition = {"logic": "AND", "conditions": [condition]}
    return {"name": f"bench {number}", "tenant": tenant, "segment_type": "rule", "definition": definition}
