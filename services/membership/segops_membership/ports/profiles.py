"""The dense numbers of profiles, by which bitmaps name them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from segops_membership.domain.predicates import StaticListPredicate


class ProfileNumberSequence(Protocol):
    """Reserves profile numbers; no number of a tenant is reserved twice."""

    async def reserve(self, tenant_id: int, count: int) -> int:
        """Reserve `count` consecutive numbers and return the first."""
        ...


class Profiles(Protocol):
    """The profiles of a tenant: users with events, and users of the given static lists even without events."""

    async def count_pending(self, tenant_id: int, lists: Collection[StaticListPredicate] = ()) -> int:
        """Return how many profiles have no number yet."""
        ...

    async def assign_numbers(
        self, tenant_id: int, first: int, count: int, fence: int, lists: Collection[StaticListPredicate] = ()
    ) -> None:
        """Number at most `count` pending profiles, from `first` on. Readers see the numbers when the call returns.

        When two leases number the same profile, the greater `fence` wins.
        """
        ...

    async def user_ids(self, tenant_id: int, numbers: Collection[int]) -> Mapping[int, str]:
        """Return the ids of a few profiles by their numbers. Numbers without a profile are left out."""
        ...
