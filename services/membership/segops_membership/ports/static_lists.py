"""Storage of the lists of static segments."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from segops_common.contracts.jobs import StaticMembersChanged
from segops_membership.domain.static_list import StaticListState


class StaticLists(Protocol):
    """Stores the changes of lists. A stored change has no effect until the saved state includes its version."""

    async def states(self, tenant_id: int, segment_ids: Collection[int]) -> Mapping[int, StaticListState]:
        """Return how far each list is stored. Segments without a list are left out."""
        ...

    async def store(self, tenant_id: int, portions: Sequence[StaticMembersChanged]) -> None:
        """Store what portions add and remove. Can be repeated."""
        ...

    async def save_state(self, tenant_id: int, segment_id: int, state: StaticListState) -> None:
        """Save how far a list is stored. An older state than the saved one is ignored."""
        ...

    async def forget(self, tenant_id: int, segment_id: int, before: int) -> None:
        """Delete the changes of all versions before the given one. Can be repeated."""
        ...
