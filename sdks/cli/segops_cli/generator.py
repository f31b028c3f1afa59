"""Generates events and sends them at a steady rate, in batches."""

from __future__ import annotations

import asyncio
import math
import random
import uuid
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from segops_cli.api.login import KeyLogin
from segops_cli.api.problems import problem_of
from segops_cli.clock import stopwatch

_BATCHES_PER_SECOND: Final = 10
_MAX_BATCH: Final = 500
_MAX_OPEN: Final = 16
_ATTEMPTS: Final = 5
_TIMEOUT_S: Final = 30
_LONGEST_WAIT_S: Final = 10.0
_PATHS: Final = ("/", "/pricing", "/docs", "/signup")


class Unreachable(Exception):
    """The first request had no response: nothing was sent."""

    def __init__(self, cause: httpx.HTTPError) -> None:
        super().__init__(str(cause))
        self.cause = cause


@dataclass(slots=True)
class Figures:
    """What was sent, and what came of it. `reason` is of the newest refusal."""

    sent: int = 0
    accepted: int = 0
    refused: int = 0
    failed: int = 0
    repeated: int = 0
    seconds: float = 0.0
    reason: str = ""
    latencies_ms: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Accepted events per second."""
        return self.accepted / self.seconds if self.seconds else 0.0

    def percentile(self, percent: int) -> float:
        """Return how long requests took in milliseconds, by nearest rank; 0 without any."""
        if not self.latencies_ms:
            return 0.0
        rank = math.ceil(percent / 100 * len(self.latencies_ms))
        return sorted(self.latencies_ms)[max(rank, 1) - 1]

    def as_json(self) -> dict[str, Any]:
        """Return the figures for programs."""
        return {
            "sent": self.sent,
            "accepted": self.accepted,
            "refused": self.refused,
            "failed": self.failed,
            "repeated_requests": self.repeated,
            "seconds": round(self.seconds, 3),
            "events_per_second": round(self.rate, 1),
            "p50_ms": round(self.percentile(50), 1),
            "p99_ms": round(self.percentile(99), 1),
            "reason": self.reason or None,
        }


@dataclass(slots=True, kw_only=True)
class Generator:
    """Sends at most `count` events in at most `duration_s`, at most `rate` per second.

    A batch that the server cannot take now is repeated under the same ids, so no event counts twice.
    """

    login: KeyLogin
    count: int
    rate: int
    duration_s: float
    users: int
    event_type: str
    _figures: Figures = field(default_factory=Figures)
    _random: random.Random = field(default_factory=random.Random)

    async def run(self) -> Figures:
        """Send everything and return the figures. Raises Unreachable if the server does not answer at all."""
        limits = httpx.Limits(max_connections=_MAX_OPEN)
        headers = {"Authorization": f"ApiKey {self.login.api_key}", "User-Agent": "segops-cli"}
        async with httpx.AsyncClient(
            base_url=self.login.url, timeout=_TIMEOUT_S, limits=limits, headers=headers
        ) as client:
            await self._check(client)
            began = stopwatch()
            await self._send_all(client, began)
            self._figures.seconds = stopwatch() - began
        return self._figures

    async def _check(self, client: httpx.AsyncClient) -> None:
        try:
            await client.get("/api/auth/config/")
        except httpx.HTTPError as error:
            raise Unreachable(error) from error

    async def _send_all(self, client: httpx.AsyncClient, began: float) -> None:
        """Start each batch at its time. A server that is too slow is waited for, never flooded."""
        size = max(1, min(_MAX_BATCH, self.rate // _BATCHES_PER_SECOND))
        gate = asyncio.Semaphore(_MAX_OPEN)
        async with asyncio.TaskGroup() as group:
            while self._figures.sent < self.count:
                due_s = began + self._figures.sent / self.rate
                await asyncio.sleep(max(0.0, due_s - stopwatch()))
                await gate.acquire()
                if stopwatch() - began >= self.duration_s:
                    return
                batch = [self._event() for _ in range(min(size, self.count - self._figures.sent))]
                self._figures.sent += len(batch)
                group.create_task(self._deliver(client, batch, gate))

    async def _deliver(self, client: httpx.AsyncClient, batch: list[dict[str, Any]], gate: asyncio.Semaphore) -> None:
        try:
            response = await self._answer(client, batch)
        finally:
            gate.release()
        if response is None:
            self._figures.failed += len(batch)
            return
        if response.status_code == httpx.codes.ACCEPTED:
            body = response.json()
            self._figures.accepted += body["accepted"]
            self._figures.refused += len(body["errors"])
            self._figures.reason = body["errors"][0]["detail"] if body["errors"] else self._figures.reason
            return
        self._figures.refused += len(batch)
        problem = problem_of(response) or {}
        self._figures.reason = str(problem.get("detail") or f"the server answered {response.status_code}")

    async def _answer(self, client: httpx.AsyncClient, batch: list[dict[str, Any]]) -> httpx.Response | None:
        response = None
        for attempt in range(_ATTEMPTS):
            if attempt:
                self._figures.repeated += 1
                await asyncio.sleep(_wait_s(response))
            sent_at = stopwatch()
            try:
                response = await client.post("/api/ingestion/batch/", json={"batch": batch})
            except httpx.HTTPError as error:
                self._figures.reason = str(error) or type(error).__name__
                response = None
                continue
            self._figures.latencies_ms.append((stopwatch() - sent_at) * 1000)
            if response.status_code not in (429, 502, 503, 504):
                break
        return response

    def _event(self) -> dict[str, Any]:
        return {
            "type": "track",
            "message_id": uuid.uuid4().hex,
            "user_id": f"load-{self._random.randrange(self.users):08d}",
            "event_type": self.event_type,
            "payload": {"path": self._random.choice(_PATHS), "value": self._random.randrange(1000)},
        }


def _wait_s(response: httpx.Response | None) -> float:
    try:
        wait_s = float(response.headers["Retry-After"]) if response is not None else 1.0
    except (KeyError, ValueError):
        wait_s = 1.0
    return min(wait_s, _LONGEST_WAIT_S)
