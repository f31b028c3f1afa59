"""Copies of the definitions that the segments service publishes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from segops_common.contracts.jobs import SegmentChanged
from segops_membership.domain.segment_definition import SegmentDefinition


class SegmentDefinitions(Protocol):
    """Keeps the current definition of each segment, as far as changes have arrived.

    `find` and `owner` may also ask the segments service for a segment that is not there yet.
    """

    async def apply(self, changes: Sequence[SegmentChanged]) -> None:
        """Take in changes in any order; repetitions have no effect.

        The highest version wins; a deletion is final. Of the same version, a change with a name replaces one without.
        """
        ...

    async def find(self, tenant_id: int, segment_id: int) -> SegmentDefinition | None:
        """Return the definition of a segment; None when the tenant has no such segment."""
        ...

    async def of_tenant(self, tenant_id: int) -> Mapping[int, SegmentDefinition]:
        """Return all segments of the tenant by id, ascending."""
        ...

    async def owner(self, tenant_ids: Collection[int], segment_id: int) -> int | None:
        """Return which of the tenants has the segment; None when none of them has it."""
        ...
