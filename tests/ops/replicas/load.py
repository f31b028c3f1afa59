"""People at work while processes restart: each request must be answered as if nothing happened."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from segops_common.core.tasks import spawn
from tests.e2e.people import Person

BATCH: Final = 20
_PAUSE_S: Final = 0.1
_RUN_S: Final = 120.0
_SLOW_ENGINE: Final = "/problems/upstream-unavailable"


@dataclass(slots=True)
class Load:
    """Writers, readers and runs, until `stop`. What went wrong is in `failures`."""

    client: httpx.AsyncClient
    """Repeats nothing."""
    person: Person
    key: str
    segment: int
    failures: list[str] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    """The ids of all messages that were answered with 202."""
    requests: int = 0
    waited: int = 0
    """Requests that a service refused because an engine was slow, which are repeated as told; a gateway's refusal fails."""
    runs: int = 0
    _working: bool = True
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def users(self) -> int:
        """The number of users who have an acknowledged event."""
        return len({_user(id) for id in self.acknowledged})

    def start(self, *, computes: bool = True) -> None:
        """Begin: three writers, three readers and one who computes."""
        jobs: tuple[Callable[[], Awaitable[None]], ...] = (*(self._write,) * 3, *(self._look_up,) * 2, self._list)
        self._tasks = [
            spawn(self._repeated(job), name="load") for job in (*jobs, *((self._compute,) if computes else ()))
        ]

    async def stop(self) -> None:
        """End all, after the requests that they are at."""
        self._working = False
        await asyncio.gather(*self._tasks)

    async def _repeated(self, job: Callable[[], Awaitable[None]]) -> None:
        while self._working:
            await job()
            await asyncio.sleep(_PAUSE_S)

    async def _write(self) -> None:
        ids = [secrets.token_hex(12) for _ in range(BATCH)]
        events = [
            {"message_id": id, "user_id": _user(id), "event_type": "page_viewed", "payload": {"n": n}}
            for n, id in enumerate(ids)
        ]
        if await self._ask("POST", "/api/ingestion/track/batch/", 202, json={"events": events}):
            self.acknowledged += ids

    async def _look_up(self) -> None:
        await self._ask("GET", f"/api/segments/membership/?user_id=u{secrets.randbelow(500)}", 200)

    async def _list(self) -> None:
        await self._ask("GET", "/api/segments/", 200, headers=self.person.bearer)
        await self._ask("GET", "/api/explorer/events/?limit=5", 200, headers=self.person.bearer)
        await self._ask("GET", "/api/auth/api-keys/", 200, headers=self.person.bearer)

    async def _compute(self) -> None:
        """Compute the segment, and read the run until it has ended."""
        path = f"/api/segments/{self.segment}/"
        queued = await self._ask("POST", f"{path}compute/", 202, headers=self.person.bearer)
        if queued is None:
            return
        async with asyncio.timeout(_RUN_S):
            while True:
                run = await self._ask("GET", f"{path}runs/{queued['run_id']}/", 200, headers=self.person.bearer)
                if run is not None and run["status"] not in ("queued", "running"):
                    break
                await asyncio.sleep(_PAUSE_S)
        self.runs += 1
        if run["status"] != "succeeded":
            self.failures.append(f"run {queued['run_id']}: {run}")

    async def _ask(self, method: str, path: str, expect: int, **more: Any) -> Any:
        headers = more.pop("headers", {"Authorization": f"ApiKey {self.key}"})
        self.requests += 1
        try:
            answer = await self.client.request(method, path, headers=headers, **more)
            while _SLOW_ENGINE in answer.text:
                self.waited += 1
                await asyncio.sleep(float(answer.headers["retry-after"]))
                answer = await self.client.request(method, path, headers=headers, **more)
        except httpx.HTTPError as error:
            self.failures.append(f"{method} {path}: {type(error).__name__}: {error}")
            return None
        if answer.status_code != expect:
            self.failures.append(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
            return None
        return answer.json()


def _user(message_id: str) -> str:
    return f"u{int(message_id[:4], 16) % 500}"
