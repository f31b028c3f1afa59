"""Reads the segments of users from the warehouse: users who wait at the same time share a statement."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Final, Protocol

from segops_common.core.tasks import spawn
from segops_membership.ports.errors import EngineUnavailable

MAX_WAREHOUSE_QUERIES: Final = 16
STATEMENT_TIMEOUT_S: Final = 2.0
WAIT_S: Final = 5.0
MAX_USERS_OF_A_STATEMENT: Final = 500
MAX_WAITING: Final = 10_000
_Segments = tuple[int, ...]
_Question = tuple[int, int, int | None]
"""Tenant, publication number and instant: users with the same question share a statement."""
_Waiting = defaultdict[str, list[asyncio.Future[_Segments]]]
"""The calls that wait, by user."""


class SegmentReads(Protocol):
    """Reads the segments of users by publications, as `MembershipReader` does."""

    async def segments_of(
        self, tenant_id: int, user_ids: Collection[str], number: int, as_of_ms: int | None
    ) -> Mapping[str, _Segments]:
        """Return the segments of every user."""
        ...


class BatchedReads:
    """Sends one statement at a time for each question. While it runs, further users collect for the next one.

    At most `MAX_WAREHOUSE_QUERIES` statements run at once. A call waits at most `wait_s`, for its turn and its statement.
    """

    def __init__(self, *, reader: SegmentReads, wait_s: float = WAIT_S, max_waiting: int = MAX_WAITING) -> None:
        self._reader = reader
        self._wait_s = wait_s
        self._max_waiting = max_waiting
        self._slots = asyncio.Semaphore(MAX_WAREHOUSE_QUERIES)
        self._waiting: dict[_Question, _Waiting] = {}
        self._readers: dict[_Question, asyncio.Task[None]] = {}
        self._calls = 0

    async def segments_of(self, tenant_id: int, user_id: str, number: int, as_of_ms: int | None) -> _Segments:
        """Return the user's segments. Raises EngineUnavailable, at once when too many calls wait."""
        if self._calls >= self._max_waiting:
            raise EngineUnavailable("too many lookups wait for the warehouse")
        self._calls += 1
        try:
            async with asyncio.timeout(self._wait_s):
                return await self._enqueue((tenant_id, number, as_of_ms), user_id)
        except TimeoutError as error:
            raise EngineUnavailable("the warehouse is slow") from error
        finally:
            self._calls -= 1

    def _enqueue(self, question: _Question, user_id: str) -> asyncio.Future[_Segments]:
        answer: asyncio.Future[_Segments] = asyncio.get_running_loop().create_future()
        if question not in self._waiting:
            self._waiting[question] = defaultdict(list)
            self._readers[question] = spawn(self._read_all(question), name=f"lookups {question}")
        self._waiting[question][user_id].append(answer)
        return answer

    async def _read_all(self, question: _Question) -> None:
        """Send statements until no call waits for the question."""
        while self._waiting[question]:
            async with self._slots:
                await self._read(question, self._take(question))
        del self._waiting[question], self._readers[question]

    def _take(self, question: _Question) -> Mapping[str, list[asyncio.Future[_Segments]]]:
        """Return the calls to answer next. Those that have given up are dropped."""
        waiting = self._waiting[question]
        taken = {user_id: waiting.pop(user_id) for user_id in list(waiting)[:MAX_USERS_OF_A_STATEMENT]}
        return {user_id: calls for user_id, calls in taken.items() if not all(call.done() for call in calls)}

    async def _read(self, question: _Question, calls: Mapping[str, list[asyncio.Future[_Segments]]]) -> None:
        if not calls:
            return
        tenant_id, number, as_of_ms = question
        try:
            async with asyncio.timeout(STATEMENT_TIMEOUT_S):
                segments = await self._reader.segments_of(tenant_id, list(calls), number, as_of_ms)
        except Exception as error:
            _fail(calls.values(), error)
            return
        for user_id, own in calls.items():
            for call in own:
                if not call.done():
                    call.set_result(segments[user_id])


def _fail(calls: Collection[list[asyncio.Future[_Segments]]], error: Exception) -> None:
    reason = EngineUnavailable("the warehouse is slow") if isinstance(error, TimeoutError) else error
    for call in (call for own in calls for call in own if not call.done()):
        call.set_exception(reason)
