"""The current definitions of segments in memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from segops_common.contracts.jobs import SegmentChanged
from segops_membership.domain.segment_definition import SegmentDefinition


class MemorySegmentDefinitions:
    """See the port `SegmentDefinitions`."""

    def __init__(self) -> None:
        self._latest: dict[tuple[int, int], SegmentChanged] = {}

    async def apply(self, changes: Sequence[SegmentChanged]) -> None:
        """See the port."""
        for change in changes:
            key = (change.tenant_id, change.segment_id)
            latest = self._latest.get(key)
            if latest is None or (not latest.deleted and (change.deleted or _is_newer(change, latest))):
                self._latest[key] = change

    async def find(self, tenant_id: int, segment_id: int) -> SegmentDefinition | None:
        """See the port."""
        return (await self.of_tenant(tenant_id)).get(segment_id)

    async def of_tenant(self, tenant_id: int) -> Mapping[int, SegmentDefinition]:
        """See the port."""
        return {
            segment_id: SegmentDefinition(
                segment_id=segment_id,
                version=change.version,
                definition=change.definition,
                refresh=change.refresh,
                name=change.name,
            )
            for (tenant, segment_id), change in sorted(self._latest.items(), key=lambda item: item[0])
            if tenant == tenant_id and not change.deleted
        }

    async def owner(self, tenant_ids: Collection[int], segment_id: int) -> int | None:
        """See the port."""
        for tenant_id in tenant_ids:
            if await self.find(tenant_id, segment_id) is not None:
                return tenant_id
        return None


def _is_newer(change: SegmentChanged, latest: SegmentChanged) -> bool:
    if change.version == latest.version:
        return latest.name is None and change.name is not None
    return change.version > latest.version
