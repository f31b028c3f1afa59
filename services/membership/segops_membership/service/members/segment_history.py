"""How the size of segments went over time: by publication, and by day."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

from segops_common.core.clock import Clock
from segops_common.core.pagination import LARGEST_ID, Page, PageQuery, id_position, page_of
from segops_membership.domain.members.sets import DaySize, MemberSet, filled_days
from segops_membership.ports.members.sets import MemberSets
from segops_membership.ports.segment_definitions import SegmentDefinitions
from segops_membership.service.analysis.segment_checks import existing
from segops_membership.service.members.member_lists import read_errors


class SegmentHistory:
    """The use case of the history of a segment."""

    def __init__(self, *, definitions: SegmentDefinitions, sets: MemberSets, clock: Clock) -> None:
        self._definitions = definitions
        self._sets = sets
        self._clock = clock

    async def publications(self, tenant_ids: Collection[int], segment_id: int, query: PageQuery) -> Page[MemberSet]:
        """Return the publications of a segment, newest first. Raises NotFound, MalformedRequest or Unavailable."""
        before = id_position(query, start=LARGEST_ID)
        with read_errors():
            tenant_id = existing(await self._definitions.owner(tenant_ids, segment_id))
            count = await self._sets.publication_count(tenant_id, segment_id)
            sets = await self._sets.history(
                tenant_id, segment_id, before_run=before, limit=query.limit + 1, offset=query.offset
            )
        return page_of(sets, query, lambda members: members.attempt.run_id, count=count)

    async def days(self, tenant_ids: Collection[int], segment_id: int, days: int) -> Sequence[DaySize]:
        """Return the last days of a segment in UTC, ascending; the last one is today. Raises NotFound or Unavailable."""
        with read_errors():
            tenant_id = existing(await self._definitions.owner(tenant_ids, segment_id))
        return (await self.days_of_segments(tenant_id, [segment_id], days))[segment_id]

    async def days_of_segments(
        self, tenant_id: int, segment_ids: Collection[int], days: int
    ) -> Mapping[int, Sequence[DaySize]]:
        """Return the last days of each segment of a tenant, as `days` does. Raises Unavailable."""
        today = self._clock.now().date()
        first = today - timedelta(days=days - 1)
        with read_errors():
            read = await self._sets.daily(tenant_id, segment_ids, first)
        return {segment_id: filled_days(read.get(segment_id, ()), first, today) for segment_id in segment_ids}
