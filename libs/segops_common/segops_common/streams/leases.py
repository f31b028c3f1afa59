"""Consumer groups by leases in a store, for engines that have no consumer groups of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from segops_common.core.clock import Clock
from segops_common.core.tasks import spawn
from segops_common.core.waiting import end, wait_at_most
from segops_common.streams.assignment_lock import AssignmentLock
from segops_common.streams.log import Committed, Fetched, LogUnavailable, NotAssigned, Record, TopicPartition

_CLOSE_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseTimes:
    """A lease expires after `lease_s`. A member renews its leases every `beat_s` and trims every `trim_s`."""

    lease_s: float = 5.0
    beat_s: float = 1.5
    trim_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A member's request to the store at each beat."""

    group: str
    member: str
    lease_s: float
    sources: tuple[TopicPartition, ...]
    held: Mapping[TopicPartition, int]
    """Leases to renew, with their fencing tokens. The same beat does not grant one of these again if it was lost."""


@dataclass(frozen=True, slots=True)
class Grant:
    """The store's response: the leases that the member holds, with their tokens, and its fair share of them."""

    held: Mapping[TopicPartition, int]
    quota: int


class LeaseStore(Protocol):
    """Records, leases and positions of a log. Every method may raise `LogUnavailable`; each one is atomic."""

    async def beat(self, claim: Claim) -> Grant:
        """Renew leases, then take free partitions up to the fair share. A token is never issued twice."""
        ...

    async def release(self, claim: Claim, given_up: Collection[TopicPartition], *, leave: bool) -> None:
        """Free the leases that this member still holds; with `leave`, remove the member."""
        ...

    async def commit(self, group: str, source: TopicPartition, token: int, committed: Committed) -> bool:
        """Store the progress and return True, or return False if `token` is not the lease's current one."""
        ...

    async def committed(self, group: str, source: TopicPartition) -> Committed | None:
        """Return the group's progress, or None."""
        ...

    async def read(
        self, cursors: Mapping[TopicPartition, int], *, max_records: int, max_bytes: int, wait_s: float
    ) -> Mapping[TopicPartition, Sequence[Record]]:
        """Return records from each cursor on, waiting at most `wait_s` for the first."""
        ...

    async def end_offsets(self, sources: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        """Return the next offset of each partition."""
        ...

    async def trim(self, claim: Claim) -> None:
        """Record that the group reads these topics, and drop the records that the store's trimming rule allows."""
        ...


class LeasedConsumer:
    """A `LogConsumer` over a `LeaseStore`. It renews leases while batches run; handing one over waits for its batch."""

    def __init__(
        self,
        *,
        store: LeaseStore,
        group: str,
        sources: Sequence[TopicPartition],
        member: str,
        times: LeaseTimes,
        clock: Clock,
    ) -> None:
        self._store = store
        self._group = group
        self._sources = tuple(sources)
        self._member = member
        self._times = times
        self._clock = clock
        self._lock = AssignmentLock()
        self._held: dict[TopicPartition, int] = {}
        self._cursors: dict[TopicPartition, int] = {}
        self._leaving: set[TopicPartition] = set()
        self._handover: asyncio.Task[None] | None = None
        self._beating: asyncio.Task[None] | None = None
        self._gained = asyncio.Event()

    @property
    def lock(self) -> AssignmentLock:
        """See `LogConsumer`."""
        return self._lock

    async def start(self) -> None:
        """Join the group; raises `LogUnavailable`."""
        await self._store.trim(self._claim())
        await self._beat()
        self._beating = spawn(self._keep_beating(), name=f"leases of {self._group}")

    async def close(self) -> None:
        """Release all leases within 6 s. If the store is down, they expire."""
        await end([task for task in (self._beating, self._handover) if task is not None], within_s=_CLOSE_S)
        with suppress(LogUnavailable, TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await self._store.release(self._claim(), self._held.keys(), leave=True)
        self._held.clear()

    async def poll(
        self, *, max_records: int, max_bytes: int, wait_s: float, among: Collection[TopicPartition] | None = None
    ) -> Sequence[Fetched]:
        """See `LogConsumer`."""
        tokens = {s: t for s, t in self.assignment().items() if among is None or s in among}
        if not tokens:
            self._gained.clear()
            await wait_at_most(self._gained, wait_s)
            return ()
        cursors = {source: self._cursors[source] for source in tokens}
        records_read = await self._store.read(cursors, max_records=max_records, max_bytes=max_bytes, wait_s=wait_s)
        fetched = []
        for source, records in records_read.items():
            unmoved = self._held.get(source) == tokens[source] and self._cursors[source] == cursors[source]
            if records and unmoved:
                self._cursors[source] = records[-1].offset + 1
                fetched.append(Fetched(source=source, epoch=tokens[source], records=tuple(records)))
        return fetched

    async def commit(self, source: TopicPartition, position: int, metadata: str = "") -> None:
        """See `LogConsumer`. The store compares the lease's token when it stores the position."""
        token = self._held.get(source)
        if token is None or not await self._store.commit(self._group, source, token, Committed(position, metadata)):
            raise NotAssigned(f"{source} has another owner")

    async def committed(self, source: TopicPartition) -> Committed | None:
        """See `LogConsumer`."""
        return await self._store.committed(self._group, source)

    async def seek(self, source: TopicPartition, position: int) -> None:
        """See `LogConsumer`."""
        if source not in self._held:
            raise NotAssigned(f"{source} is not held")
        self._cursors[source] = position

    def assignment(self) -> Mapping[TopicPartition, int]:
        """See `LogConsumer`. The fencing token is the epoch."""
        return {source: token for source, token in self._held.items() if source not in self._leaving}

    async def end_offsets(self, sources: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        """See `LogConsumer`."""
        return await self._store.end_offsets(sources)

    def _claim(self) -> Claim:
        return Claim(
            group=self._group,
            member=self._member,
            lease_s=self._times.lease_s,
            sources=self._sources,
            held=dict(self._held),
        )

    async def _keep_beating(self) -> None:
        trimmed_at = self._clock.monotonic()
        while True:
            await self._clock.sleep(self._times.beat_s)
            with suppress(LogUnavailable):
                await self._beat()
                if self._clock.monotonic() - trimmed_at >= self._times.trim_s:
                    trimmed_at = self._clock.monotonic()
                    await self._store.trim(self._claim())

    async def _beat(self) -> None:
        claim = self._claim()
        grant = await self._store.beat(claim)
        lost = {source for source, token in claim.held.items() if grant.held.get(source) != token}
        staying = sorted(grant.held.keys() - self._leaving)
        excess = staying[grant.quota :]
        self._leaving |= lost.union(excess) & self._held.keys()
        if self._leaving and (self._handover is None or self._handover.done()):
            self._handover = spawn(self._hand_over(), name=f"handover in {self._group}")
        for source in grant.held.keys() - claim.held.keys():
            await self._take(source, grant.held[source])

    async def _take(self, source: TopicPartition, token: int) -> None:
        """Start at the group's progress. If it cannot be read, the unused lease expires or is taken again."""
        committed = await self._store.committed(self._group, source)
        self._cursors[source] = committed.position if committed else 0
        self._held[source] = token
        self._gained.set()

    async def _hand_over(self) -> None:
        """Release leaving partitions once no batch runs. Beats continue during the wait, so that no lease expires early."""
        async with self._lock.exclusive():
            leaving = frozenset(self._leaving)
            with suppress(LogUnavailable):
                await self._store.release(self._claim(), leaving, leave=False)
            for source in leaving:
                self._held.pop(source, None)
            self._leaving -= leaving
