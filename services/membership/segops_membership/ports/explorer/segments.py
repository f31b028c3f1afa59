"""Reading the sizes of published segments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from segops_membership.domain.publication import SegmentHead


class SegmentSizes(Protocol):
    """Reads how many members segments have. Raises EngineUnavailable."""

    async def sizes(self, tenant_id: int, heads: Mapping[int, SegmentHead]) -> Mapping[int, int]:
        """Return the number of members of each segment as its head says."""
        ...
