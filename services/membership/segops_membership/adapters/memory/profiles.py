"""Profile numbers in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

from segops_membership.adapters.memory.warehouse import MemoryWarehouse
from segops_membership.domain.predicates import StaticListPredicate


class MemoryProfileNumberSequence:
    """See the port `ProfileNumberSequence`."""

    def __init__(self) -> None:
        self._next: Counter[int] = Counter()

    async def reserve(self, tenant_id: int, count: int) -> int:
        """See the port."""
        first = self._next[tenant_id]
        self._next[tenant_id] += count
        return first


class MemoryProfiles:
    """See the port `Profiles`."""

    def __init__(self, *, warehouse: MemoryWarehouse) -> None:
        self._warehouse = warehouse

    async def count_pending(self, tenant_id: int, lists: Collection[StaticListPredicate] = ()) -> int:
        """See the port."""
        return len(self._pending(tenant_id, lists))

    async def assign_numbers(
        self,
        tenant_id: int,
        first: int,
        count: int,
        fence: int,  # noqa: ARG002 in one process no profile is numbered twice
        lists: Collection[StaticListPredicate] = (),
    ) -> None:
        """See the port. Profiles are numbered by ascending id."""
        pending = sorted(self._pending(tenant_id, lists))[:count]
        numbers = self._warehouse.tenant(tenant_id).numbers
        numbers.update({profile_id: first + index for index, profile_id in enumerate(pending)})

    async def user_ids(self, tenant_id: int, numbers: Collection[int]) -> Mapping[int, str]:
        """See the port."""
        by_number = {n: profile_id for profile_id, n in self._warehouse.tenant(tenant_id).numbers.items()}
        return {n: by_number[n] for n in numbers if n in by_number}

    def _pending(self, tenant_id: int, lists: Collection[StaticListPredicate]) -> set[str]:
        rows = self._warehouse.tenant(tenant_id)
        profiles = {profile_id for profile_id, events in rows.events.items() if events}
        profiles |= {resolution.canonical_id for resolution in rows.facts.resolutions}
        for segment in lists:
            profiles |= rows.list_members(segment.segment_id, segment.since, segment.until)
        return profiles - rows.numbers.keys()
