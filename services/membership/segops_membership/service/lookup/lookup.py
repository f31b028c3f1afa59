"""Looks up the segments of a user: from the cache while it is current, else from the warehouse.

1. Redis holds an entry under the current publication number: it answers.
2. Redis holds none: one process reads the warehouse and fills the entry; others wait for it shortly. Users who wait at
   the same time share a statement (`batched_reads.py`).
3. Redis does not answer: the process reads the warehouse, and keeps answers in memory for a few seconds.
   `stores/redis_breaker.py` decides when Redis is skipped, `stores/redis.py` how long a command may take.

The publication number is read from the warehouse at most once a second (`publication_watermark.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from cachetools import TTLCache

from segops_common.core.clock import Clock
from segops_common.core.problems import Unavailable
from segops_common.telemetry.metrics import Metric, Metrics
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.ports.membership import CacheEntry, MembershipCache, MembershipReader
from segops_membership.service.identity.persons import Persons
from segops_membership.service.lookup.batched_reads import BatchedReads
from segops_membership.service.lookup.person_reads import PersonReads
from segops_membership.service.lookup.publication_watermark import PublicationWatermark
from segops_membership.service.lookup.single_flight import SingleFlight

LOCAL_ENTRIES: Final = 10_000
LOCAL_TTL_S: Final = 5.0
_WAIT_FOR_OTHER_PROCESS_S: Final = 0.05
_POLL_S: Final = 0.01
_Key = tuple[int, int, str]
"""Tenant, publication number and user."""


@dataclass(frozen=True, slots=True)
class UserSegments:
    """A user's segments, ascending; `cached` when they came from Redis."""

    segment_ids: tuple[int, ...]
    cached: bool


class Lookup:
    """The use case of the lookup route. Answers are at most a second behind publications; without Redis, slower."""

    def __init__(
        self,
        *,
        reader: MembershipReader,
        persons: Persons,
        cache: MembershipCache,
        watermark: PublicationWatermark,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._reader = reader
        self._reads = BatchedReads(reader=PersonReads(reader=reader, persons=persons))
        self._cache = cache
        self._watermark = watermark
        self._clock = clock
        self._sources = metrics.counter(Metric.LOOKUPS)
        for source in ("cache", "local", "warehouse"):
            self._sources.labels(source)
        self._calls: SingleFlight[UserSegments] = SingleFlight()
        self._local: TTLCache[_Key, tuple[int, ...]] = TTLCache(LOCAL_ENTRIES, LOCAL_TTL_S, timer=clock.monotonic)

    async def segments_of(self, tenant_id: int, user_id: str) -> UserSegments:
        """Return the current segments. Raises Unavailable when neither Redis nor the warehouse answers."""
        try:
            number = await self._current_number(tenant_id)
            return await self._calls.run((tenant_id, number, user_id), self._read(tenant_id, number, user_id))
        except EngineUnavailable as error:
            raise _unavailable() from error

    async def segments_of_users(self, tenant_id: int, user_ids: Sequence[str]) -> Mapping[str, UserSegments]:
        """Return the current segments of each user, all by one publication. Raises Unavailable like `segments_of`."""
        try:
            number = await self._current_number(tenant_id)
            try:
                number, entries = await self._read_entries(tenant_id, number, user_ids)
            except EngineUnavailable:
                entries = {}
            return await self._read_missing(tenant_id, number, user_ids, entries)
        except EngineUnavailable as error:
            raise _unavailable() from error

    async def segments_as_of(self, tenant_id: int, user_id: str, as_of_ms: int) -> UserSegments:
        """Return the segments by the runs published as of that instant or earlier. Raises Unavailable.

        Reads the warehouse each time.
        """
        try:
            number = await self._watermark.current(tenant_id)
            return UserSegments(await self._reads.segments_of(tenant_id, user_id, number, as_of_ms), cached=False)
        except EngineUnavailable as error:
            raise _unavailable() from error

    async def check(self) -> None:
        """Check readiness: raise EngineUnavailable when neither Redis nor the warehouse answers."""
        try:
            await self._cache.check()
        except EngineUnavailable:
            await self._reader.check()

    async def _current_number(self, tenant_id: int) -> int | None:
        try:
            return await self._watermark.current(tenant_id)
        except EngineUnavailable:
            return self._watermark.last(tenant_id)

    async def _read(self, tenant_id: int, number: int | None, user_id: str) -> UserSegments:
        try:
            number, entry = await self._read_cache(tenant_id, number, user_id)
        except EngineUnavailable:
            return await self._read_without_cache(tenant_id, number, user_id)
        if entry.segment_ids is not None:
            return self._counted("cache", UserSegments(entry.segment_ids, cached=True))
        return await self._read_through((tenant_id, number, user_id))

    async def _read_cache(self, tenant_id: int, number: int | None, user_id: str) -> tuple[int, CacheEntry]:
        """Read the entry under the newest number. A greater number in Redis hints at a newer publication."""
        entry = await self._cache.read(tenant_id, number or 0, user_id)
        if entry.hint is not None and (number is None or entry.hint > number):
            newer = await self._number_after_hint(tenant_id, entry.hint)
            if newer != number:
                return newer, await self._cache.read(tenant_id, newer, user_id)
        if number is None:
            raise EngineUnavailable("no publication number is known")
        return number, entry

    async def _read_entries(
        self, tenant_id: int, number: int | None, user_ids: Sequence[str]
    ) -> tuple[int | None, Mapping[str, tuple[int, ...]]]:
        """Read the entries of several users under the newest number, see `_read_cache`."""
        hint, entries = await self._cache.read_many(tenant_id, number or 0, user_ids)
        if hint is None or (number is not None and hint <= number):
            return number, entries
        newer = await self._number_after_hint(tenant_id, hint)
        return newer, entries if newer == number else (await self._cache.read_many(tenant_id, newer, user_ids))[1]

    async def _read_missing(
        self, tenant_id: int, number: int | None, user_ids: Sequence[str], entries: Mapping[str, tuple[int, ...]]
    ) -> Mapping[str, UserSegments]:
        """Return the entries, and for users without one what the warehouse says, which is cached."""
        if number is None:
            raise EngineUnavailable("no publication number is known")
        segments = {
            user_id: self._counted("cache", UserSegments(entry, cached=True)) for user_id, entry in entries.items()
        }
        missing = [user_id for user_id in user_ids if user_id not in entries]
        read = await asyncio.gather(*(self._reads.segments_of(tenant_id, user_id, number, None) for user_id in missing))
        for user_id, segment_ids in zip(missing, read, strict=True):
            segments[user_id] = self._counted("warehouse", UserSegments(segment_ids, cached=False))
        with suppress(EngineUnavailable):
            writes = zip(missing, read, strict=True)
            await asyncio.gather(*(self._cache.write(tenant_id, number, *entry) for entry in writes))
        return segments

    async def _number_after_hint(self, tenant_id: int, hint: int) -> int:
        try:
            number = await self._watermark.read_since(tenant_id, self._clock.monotonic())
        except EngineUnavailable:
            # The warehouse makes a publication visible before Redis hints at it, so the hint can be trusted.
            return hint
        if number < hint:
            await self._cache.correct(tenant_id, number)
        return number

    async def _read_through(self, key: _Key) -> UserSegments:
        from_other = await self._wait_for_other_process(key)
        if from_other is not None:
            return self._counted("cache", UserSegments(from_other, cached=True))
        tenant_id, number, user_id = key
        segment_ids = await self._reads.segments_of(tenant_id, user_id, number, None)
        with suppress(EngineUnavailable):
            await self._cache.write(*key, segment_ids)
        return self._counted("warehouse", UserSegments(segment_ids, cached=False))

    async def _wait_for_other_process(self, key: _Key) -> tuple[int, ...] | None:
        """Return the entry that another process is filling, if it is quick; None when this process should fill it."""
        deadline = self._clock.monotonic() + _WAIT_FOR_OTHER_PROCESS_S
        with suppress(EngineUnavailable):
            if await self._cache.claim(*key):
                return None
            while self._clock.monotonic() < deadline:
                await self._clock.sleep(_POLL_S)
                entry = await self._cache.read(*key)
                if entry.segment_ids is not None:
                    return entry.segment_ids
        return None

    async def _read_without_cache(self, tenant_id: int, number: int | None, user_id: str) -> UserSegments:
        if number is None:
            raise EngineUnavailable("neither Redis nor the warehouse answers")
        key = (tenant_id, number, user_id)
        kept = self._local.get(key)
        if kept is not None:
            return self._counted("local", UserSegments(kept, cached=False))
        segment_ids = await self._reads.segments_of(tenant_id, user_id, number, None)
        self._local[key] = segment_ids
        return self._counted("warehouse", UserSegments(segment_ids, cached=False))

    def _counted(self, source: str, segments: UserSegments) -> UserSegments:
        self._sources.labels(source).inc()
        return segments


def _unavailable() -> Unavailable:
    return Unavailable("Membership cannot be read now. Retry.", retry_after_s=1)
