"""Transactions over a state in memory."""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import replace
from datetime import datetime

from segops_common.core.clock import Clock, SystemClock
from segops_segments.adapters.memory.outbox import MemoryClaim, MemoryOutboxWrites
from segops_segments.adapters.memory.runs import MemoryRuns
from segops_segments.adapters.memory.segments import MemorySegments
from segops_segments.adapters.memory.state import State
from segops_segments.domain.backlog import Backlog
from segops_segments.domain.run import RunPart


class MemoryUnit(MemorySegments, MemoryRuns, MemoryOutboxWrites):
    """Works on a copy of the state, which replaces the state when the block ends without an error."""


class MemoryStore:
    """The ports `Store` and `Outbox` in one process; transactions run one after the other."""

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._state = State()
        self._ids = itertools.count(1)
        self._locks: dict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._lock = asyncio.Lock()
        self._relaying: set[int] = set()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[MemoryUnit]:
        yield MemoryUnit(deepcopy(self._state), self._ids)

    @asynccontextmanager
    async def writing(self, tenant_id: int) -> AsyncIterator[MemoryUnit]:
        async with self._locks[tenant_id], self._lock:
            state = deepcopy(self._state)
            yield MemoryUnit(state, self._ids)
            now = self._clock.now()
            state.written_at = {message: state.written_at.get(message, now) for message in state.messages}
            # A relay does not wait for the transaction: what it has done since is kept.
            self._state = replace(state, claimed=self._state.claimed, sent=self._state.sent)

    async def find_parts(self, keys: Collection[tuple[int, int]]) -> Sequence[RunPart]:
        runs = [run for run in self._state.runs.values() if (run.tenant_id, run.id) in keys]
        return [part for run in runs for part in run.parts]

    async def due_tenants(self, not_after: datetime, limit: int) -> Sequence[int]:
        return list(dict.fromkeys(segment.tenant_id for segment in self._state.due(not_after)))[:limit]

    async def incomplete_tenants(self, limit: int) -> Sequence[int]:
        return sorted({segment.tenant_id for segment in self._state.incomplete()})[:limit]

    async def backlog(self, late_before: datetime) -> Backlog:
        parts = [part for run in self._state.runs.values() for part in run.parts]
        waiting = [part for part in parts if part.state in ("queued", "running")]
        published = [part.finished_at for part in parts if part.outcome is not None and part.outcome.published]
        unsent = [message.id for message in self._state.unsent()]
        return Backlog(
            queued=sum(part.state == "queued" for part in waiting),
            running=sum(part.state == "running" for part in waiting),
            oldest_request=min((part.requested_at for part in waiting), default=None),
            last_publication=published[-1] if published else None,
            messages=len(unsent),
            oldest_message=min((self._state.written_at[message] for message in unsent), default=None),
            stale=self._state.stale(late_before),
        )

    async def silent_runs(self, now: datetime, limit: int) -> Sequence[tuple[int, int]]:
        unsent = {message.id for message in self._state.unsent()}
        runs = [run for run in self._state.runs.values() if run.is_silent(now) and run.message_id not in unsent]
        return [(run.tenant_id, run.id) for run in runs][:limit]

    @asynccontextmanager
    async def claim(self, limit: int) -> AsyncIterator[MemoryClaim]:
        free = [message for message in self._state.unsent() if message.tenant_id not in self._relaying]
        messages = free[:limit]
        tenants = {message.tenant_id for message in messages}
        self._state.claimed |= {message.id for message in messages}
        self._relaying |= tenants
        claim = MemoryClaim(messages)
        try:
            yield claim
            self._state.sent |= claim.sent
        finally:
            self._relaying -= tenants

    async def delete_sent(self, before: datetime) -> int:
        old = [message_id for message_id, at in self._state.sent.items() if at < before]
        for message_id in old:
            self._state.messages.pop(message_id, None)
            del self._state.sent[message_id]
        return len(old)
