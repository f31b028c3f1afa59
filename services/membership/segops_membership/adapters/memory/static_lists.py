"""Static lists in memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from segops_common.contracts.jobs import StaticMembersChanged
from segops_membership.adapters.memory.warehouse import MemoryWarehouse
from segops_membership.domain.static_list import StaticListState


class MemoryStaticLists:
    """See the port `StaticLists`."""

    def __init__(self, *, warehouse: MemoryWarehouse) -> None:
        self._warehouse = warehouse
        self._states: dict[tuple[int, int], StaticListState] = {}

    async def states(self, tenant_id: int, segment_ids: Collection[int]) -> Mapping[int, StaticListState]:
        """See the port."""
        return {id: self._states[tenant_id, id] for id in segment_ids if (tenant_id, id) in self._states}

    async def store(self, tenant_id: int, portions: Sequence[StaticMembersChanged]) -> None:
        """See the port."""
        changes = self._warehouse.tenant(tenant_id).list_changes
        for portion in portions:
            for present, users in ((True, portion.add), (False, portion.remove)):
                for user_id in users:
                    changes[portion.segment_id][portion.list_version, user_id] = present

    async def save_state(self, tenant_id: int, segment_id: int, state: StaticListState) -> None:
        """See the port."""
        saved = self._states.get((tenant_id, segment_id), StaticListState())
        if (saved.version, saved.coming, saved.parts) <= (state.version, state.coming, state.parts):
            self._states[tenant_id, segment_id] = state

    async def forget(self, tenant_id: int, segment_id: int, before: int) -> None:
        """See the port."""
        changes = self._warehouse.tenant(tenant_id).list_changes[segment_id]
        for version, user_id in list(changes):
            if version < before:
                del changes[version, user_id]
