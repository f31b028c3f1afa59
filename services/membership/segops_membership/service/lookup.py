"""In which segments is a user: from the cache while it is true, else from the warehouse, asked once for all."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from segops_common.core.clock import Clock
from segops_common.core.problems import Unavailable
from segops_common.telemetry.metrics import Metric, Metrics
from segops_membership.ports import CacheAnswer, MembershipCache, MembershipReader, Outage
from segops_membership.service.flights import Flights
from segops_membership.service.numbers import PublicationNumbers

WAREHOUSE_QUERIES_AT_ONCE: Final = 16
WAREHOUSE_TIMEOUT_S: Final = 2.0
LOCAL_ENTRIES: Final = 10_000
LOCAL_TTL_S: Final = 5.0
_OTHERS_WAIT_S: Final = 0.05
_LOOK_AGAIN_S: Final = 0.01
_Key = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class Found:
    """A user's segments, rising; `cached` when Redis knew them."""

    segment_ids: tuple[int, ...]
    cached: bool


class Lookup:
    """The use case behind the lookup route: never past the truth by a second, slower without Redis, never wrong."""

    def __init__(
        self,
        *,
        reader: MembershipReader,
        cache: MembershipCache,
        numbers: PublicationNumbers,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._reader = reader
        self._cache = cache
        self._numbers = numbers
        self._clock = clock
        self._sources = metrics.counter(Metric.LOOKUPS)
        self._flights: Flights[Found] = Flights()
        self._local: OrderedDict[_Key, tuple[float, tuple[int, ...]]] = OrderedDict()
        self._slots = asyncio.Semaphore(WAREHOUSE_QUERIES_AT_ONCE)

    async def segments_of(self, tenant_id: int, user_id: str) -> Found:
        """Raises Unavailable when neither Redis nor the warehouse can tell."""
        try:
            found = await self._now(tenant_id, user_id)
        except Outage as error:
            raise _unavailable() from error
        return found

    async def segments_as_of(self, tenant_id: int, user_id: str, as_of_ms: int) -> Found:
        """By the runs that were published with an `as_of` up to then; from the warehouse. Raises Unavailable."""
        try:
            number = await self._numbers.current(tenant_id)
            return Found(await self._fold(tenant_id, user_id, number, as_of_ms), cached=False)
        except Outage as error:
            raise _unavailable() from error

    async def check(self) -> None:
        """For readiness: raises Outage when neither Redis nor the warehouse answers."""
        try:
            await self._cache.check()
        except Outage:
            await self._reader.check()

    async def _now(self, tenant_id: int, user_id: str) -> Found:
        number = await self._known(tenant_id)
        return await self._flights.join((tenant_id, number, user_id), self._read(tenant_id, number, user_id))

    async def _read(self, tenant_id: int, number: int | None, user_id: str) -> Found:
        try:
            number, answer = await self._ask_cache(tenant_id, number, user_id)
        except Outage:
            return await self._without_cache(tenant_id, number, user_id)
        if answer.segment_ids is not None:
            return self._counted("cache", Found(answer.segment_ids, cached=True))
        return await self._fill((tenant_id, number, user_id))

    async def _known(self, tenant_id: int) -> int | None:
        try:
            return await self._numbers.current(tenant_id)
        except Outage:
            return self._numbers.last(tenant_id)

    async def _ask_cache(self, tenant_id: int, number: int | None, user_id: str) -> tuple[int, CacheAnswer]:
        """Ask under the newest number; a higher one in Redis is a hint that there is a newer publication."""
        answer = await self._cache.read(tenant_id, number or 0, user_id)
        if answer.hint is not None and (number is None or answer.hint > number):
            newer = await self._catch_up(tenant_id, answer.hint)
            if newer != number:
                return newer, await self._cache.read(tenant_id, newer, user_id)
        if number is None:
            raise Outage("no publication number is known")
        return number, answer

    async def _catch_up(self, tenant_id: int, hint: int) -> int:
        try:
            number = await self._numbers.asked_since(tenant_id, self._clock.monotonic())
        except Outage:
            # Publications are shown by the warehouse before they are hinted at, so the hint is all there is to know.
            return hint
        if number < hint:
            await self._cache.correct(tenant_id, number)
        return number

    async def _fill(self, key: _Key) -> Found:
        other = await self._answer_of_other(key)
        if other is not None:
            return self._counted("cache", Found(other, cached=True))
        segment_ids = await self._fold(key[0], key[2], key[1], None)
        with suppress(Outage):
            await self._cache.write(*key, segment_ids)
        return self._counted("warehouse", Found(segment_ids, cached=False))

    async def _answer_of_other(self, key: _Key) -> tuple[int, ...] | None:
        """What another process that is asking the warehouse already puts into the cache, if it is quick."""
        deadline = self._clock.monotonic() + _OTHERS_WAIT_S
        with suppress(Outage):
            if await self._cache.claim(*key):
                return None
            while self._clock.monotonic() < deadline:
                await self._clock.sleep(_LOOK_AGAIN_S)
                answer = await self._cache.read(*key)
                if answer.segment_ids is not None:
                    return answer.segment_ids
        return None

    async def _without_cache(self, tenant_id: int, number: int | None, user_id: str) -> Found:
        if number is None:
            raise Outage("neither Redis nor the warehouse answers")
        key = (tenant_id, number, user_id)
        kept = self._local.get(key)
        if kept is not None and self._clock.monotonic() - kept[0] < LOCAL_TTL_S:
            return self._counted("local", Found(kept[1], cached=False))
        segment_ids = await self._fold(tenant_id, user_id, number, None)
        self._local[key] = (self._clock.monotonic(), segment_ids)
        while len(self._local) > LOCAL_ENTRIES:
            self._local.popitem(last=False)
        return self._counted("warehouse", Found(segment_ids, cached=False))

    async def _fold(self, tenant_id: int, user_id: str, number: int, as_of_ms: int | None) -> tuple[int, ...]:
        try:
            async with asyncio.timeout(WAREHOUSE_TIMEOUT_S), self._slots:
                return await self._reader.segments_of(tenant_id, user_id, number, as_of_ms)
        except TimeoutError as error:
            raise Outage("the warehouse is slow") from error

    def _counted(self, source: str, found: Found) -> Found:
        self._sources.labels(source).inc()
        return found


def _unavailable() -> Unavailable:
    return Unavailable("Membership cannot be read at the moment.", retry_after_s=1)
