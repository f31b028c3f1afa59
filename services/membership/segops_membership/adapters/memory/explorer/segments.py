"""Reads the sizes of published segments in memory."""

from __future__ import annotations

from collections.abc import Mapping

from segops_membership.domain.publication import SegmentHead
from segops_membership.ports.run_results import RunResults


class MemorySegmentSizes:
    """See the port `SegmentSizes`."""

    def __init__(self, *, results: RunResults) -> None:
        self._results = results

    async def sizes(self, tenant_id: int, heads: Mapping[int, SegmentHead]) -> Mapping[int, int]:
        """See the port."""
        members = await self._results.published_members(tenant_id, heads)
        return {segment_id: len(bitmap) for segment_id, bitmap in members.items()}
