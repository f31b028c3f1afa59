"""Following the references between the segments of a tenant."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from segops_segments.domain.references import Graph
from segops_segments.domain.segment import Segment


class ReferenceReader(Protocol):
    """Reads the graph of references. Ids without a segment of the tenant are left out."""

    async def find_referrers(self, tenant_id: int, segment_id: int) -> Collection[int]:
        """Return the ids of the segments whose definitions lead to this one, directly or through others."""
        ...

    async def reference_graph(self, tenant_id: int, segment_ids: Collection[int]) -> Graph:
        """Return these segments and everything that their definitions lead to."""
        ...

    async def list_reachable(self, tenant_id: int, segment_ids: Collection[int]) -> Sequence[Segment]:
        """Return these segments and everything that their definitions lead to, ascending by id."""
        ...
