"""Lookups in memory: the published members, the cache in front of them, and the signal of publications."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from segops_common.core.clock import Clock
from segops_membership.adapters.memory.run_results import MemoryRunResults
from segops_membership.domain.publication import Attempt
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.ports.membership import CacheEntry

TTL_S: Final = 300.0
CLAIM_S: Final = 2.0
_EntryKey = tuple[int, int, str]
"""Tenant, publication number and user."""


class MemoryMembershipReader:
    """See the port `MembershipReader`. Unless it is `reachable`, every call raises EngineUnavailable."""

    def __init__(self, *, results: MemoryRunResults) -> None:
        self._results = results
        self.reachable = True
        self.reads = 0
        """How many statements read segments."""

    async def publication_numbers(self, tenant_ids: Collection[int]) -> Mapping[int, int]:
        """See the port."""
        await self.check()
        numbers: dict[int, int] = {}
        for (tenant_id, _), publication in self._results.visible.items():
            if tenant_id in tenant_ids:
                numbers[tenant_id] = max(publication.number, numbers.get(tenant_id, 0))
        return numbers

    async def segments_of(
        self, tenant_id: int, user_ids: Collection[str], number: int, as_of_ms: int | None
    ) -> Mapping[str, tuple[int, ...]]:
        """See the port."""
        await self.check()
        self.reads += 1
        attempts = {
            publication.attempt
            for (tenant, _), publication in self._results.visible.items()
            if tenant == tenant_id
            and publication.number <= number
            and (as_of_ms is None or publication.as_of_ms <= as_of_ms)
        }
        return {user_id: self._segments_of(tenant_id, user_id, attempts) for user_id in user_ids}

    async def instant_of(self, tenant_id: int, number: int, as_of_ms: int | None) -> int | None:
        """See the port."""
        await self.check()
        instants = {
            publication.number: publication.as_of_ms
            for (tenant, _), publication in self._results.visible.items()
            if tenant == tenant_id
            and publication.number <= number
            and (as_of_ms is None or publication.as_of_ms <= as_of_ms)
        }
        return instants[max(instants)] if instants else None

    def _segments_of(self, tenant_id: int, user_id: str, attempts: Collection[Attempt]) -> tuple[int, ...]:
        last: dict[int, tuple[int, bool]] = {}
        for (tenant, user, segment_id, attempt), entered in self._results.change_rows.items():
            if (tenant, user) == (tenant_id, user_id) and attempt in attempts:
                last[segment_id] = max((attempt.run_id, entered), last.get(segment_id, (0, False)))
        return tuple(sorted(segment_id for segment_id, (_, entered) in last.items() if entered))

    async def check(self) -> None:
        """See the port."""
        if not self.reachable:
            raise EngineUnavailable("the warehouse does not answer")


class MemoryMembershipCache:
    """See the ports `MembershipCache` and `PublicationSignal`. Unless it is `reachable`, calls raise EngineUnavailable."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._hints: dict[int, int] = {}
        self._entries: dict[_EntryKey, tuple[float, tuple[int, ...]]] = {}
        self._claims: dict[_EntryKey, float] = {}
        self.reachable = True

    async def read(self, tenant_id: int, number: int, user_id: str) -> CacheEntry:
        """See the port."""
        await self.check()
        expires_at, segment_ids = self._entries.get((tenant_id, number, user_id), (0.0, ()))
        fresh = self._clock.monotonic() < expires_at
        return CacheEntry(self._hints.get(tenant_id), segment_ids if fresh else None)

    async def read_many(
        self, tenant_id: int, number: int, user_ids: Sequence[str]
    ) -> tuple[int | None, Mapping[str, tuple[int, ...]]]:
        """See the port."""
        entries = {user_id: (await self.read(tenant_id, number, user_id)).segment_ids for user_id in user_ids}
        hint = self._hints.get(tenant_id)
        return hint, {user_id: entry for user_id, entry in entries.items() if entry is not None}

    async def write(self, tenant_id: int, number: int, user_id: str, segment_ids: tuple[int, ...]) -> None:
        """See the port."""
        await self.check()
        self._entries[tenant_id, number, user_id] = (self._clock.monotonic() + TTL_S, segment_ids)

    async def forget(self, tenant_id: int, number: int, user_ids: Collection[str]) -> None:
        """See the port."""
        await self.check()
        for user_id in user_ids:
            self._entries.pop((tenant_id, number, user_id), None)

    async def claim(self, tenant_id: int, number: int, user_id: str) -> bool:
        """See the port."""
        await self.check()
        key, now = (tenant_id, number, user_id), self._clock.monotonic()
        if self._claims.get(key, now) > now:
            return False
        self._claims[key] = now + CLAIM_S
        return True

    async def correct(self, tenant_id: int, number: int) -> None:
        """See the port."""
        await self.check()
        self._hints[tenant_id] = number

    async def raise_to(self, tenant_id: int, number: int) -> None:
        """See the port `PublicationSignal`."""
        if self.reachable:
            self._hints[tenant_id] = max(number, self._hints.get(tenant_id, 0))

    async def check(self) -> None:
        """See the port."""
        if not self.reachable:
            raise EngineUnavailable("the cache does not answer")
