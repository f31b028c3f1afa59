"""Gives numbers to the profiles that have none, for runs and for snapshots."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Final

from segops_common.core.faults import FaultPoints
from segops_membership.domain.predicates import StaticListPredicate
from segops_membership.ports.profiles import ProfileNumberSequence, Profiles
from segops_membership.ports.tenant_leases import LeaseTaken
from segops_membership.service.tenant_lease import Lease, LeaseHolder

_WAIT_FOR_LEASE: Final = timedelta(seconds=2)


class ProfileNumbering:
    """The use case of numbering profiles."""

    def __init__(
        self, *, leases: LeaseHolder, sequence: ProfileNumberSequence, profiles: Profiles, faults: FaultPoints
    ) -> None:
        self._leases = leases
        self._sequence = sequence
        self._profiles = profiles
        self._faults = faults

    async def number_pending(self, lease: Lease, lists: Collection[StaticListPredicate]) -> None:
        """Number all pending profiles under the lease. Profiles that arrive later stay pending. Raises LeaseLost."""
        count = await self._profiles.count_pending(lease.tenant_id, lists)
        if count:
            first = await self._sequence.reserve(lease.tenant_id, count)
            lease.check()
            self._faults.reach("before_numbers")
            await self._profiles.assign_numbers(lease.tenant_id, first, count, lease.fence, lists)
            self._faults.reach("after_numbers")

    async def number_pending_if_free(self, tenant_id: int, lists: Collection[StaticListPredicate]) -> int:
        """Number all pending profiles unless a run holds the lease for longer than two seconds.

        Returns how many are left pending. Raises LeaseLost.
        """
        if not await self._profiles.count_pending(tenant_id, lists):
            return 0
        try:
            async with self._leases.hold(tenant_id, wait=_WAIT_FOR_LEASE) as lease:
                await self.number_pending(lease, lists)
        except LeaseTaken:
            return await self._profiles.count_pending(tenant_id, lists)
        return 0
