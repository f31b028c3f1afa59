"""Lookups: the published members in the warehouse, and a cache in front of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


class MembershipReader(Protocol):
    """Reads visible publications only."""

    async def publication_numbers(self, tenant_ids: Collection[int]) -> Mapping[int, int]:
        """Return the number of each tenant's newest visible publication. Tenants without one are left out."""
        ...

    async def segments_of(
        self, tenant_id: int, user_ids: Collection[str], number: int, as_of_ms: int | None
    ) -> Mapping[str, tuple[int, ...]]:
        """Return the segments of every user, ascending, by all publications up to `number`.

        With `as_of_ms`, only publications as of that instant or earlier count.
        """
        ...

    async def instant_of(self, tenant_id: int, number: int, as_of_ms: int | None) -> int | None:
        """Return the instant, in milliseconds, of the newest publication that counts as above; None when there is none."""
        ...

    async def check(self) -> None:
        """Return when the warehouse answers."""
        ...


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """A cache read: the newest publication number that was signalled, and the user's segments; None where absent."""

    hint: int | None
    segment_ids: tuple[int, ...] | None


class MembershipCache(Protocol):
    """Caches lookups by publication number, for a limited time. An unreadable entry counts as absent."""

    async def read(self, tenant_id: int, number: int, user_id: str) -> CacheEntry:
        """Return the entry, in one round trip."""
        ...

    async def read_many(
        self, tenant_id: int, number: int, user_ids: Sequence[str]
    ) -> tuple[int | None, Mapping[str, tuple[int, ...]]]:
        """Return the hint and the entries of the users that have one, in one round trip."""
        ...

    async def write(self, tenant_id: int, number: int, user_id: str, segment_ids: tuple[int, ...]) -> None:
        """Store an entry."""
        ...

    async def forget(self, tenant_id: int, number: int, user_ids: Collection[str]) -> None:
        """Remove the entries of users by this publication. Those by earlier ones are never read, and expire."""
        ...

    async def claim(self, tenant_id: int, number: int, user_id: str) -> bool:
        """Return whether the caller is the process that should read the warehouse now. A claim expires by itself."""
        ...

    async def correct(self, tenant_id: int, number: int) -> None:
        """Replace a hint that is wrong, also by a smaller one."""
        ...

    async def check(self) -> None:
        """Return when the cache answers."""
        ...
