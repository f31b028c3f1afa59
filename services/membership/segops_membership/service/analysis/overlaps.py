"""How published segments overlap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from pyroaring import BitMap

from segops_membership.ports.publication_log import PublicationLog
from segops_membership.ports.run_results import RunResults
from segops_membership.ports.segment_definitions import SegmentDefinitions
from segops_membership.service.analysis.admission import Admission
from segops_membership.service.analysis.error_mapping import ANALYSIS_TIMEOUT_S, errors_mapped, time_limit
from segops_membership.service.analysis.segment_checks import existing, segments_with

_NO_MEMBERS: Final = BitMap()


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """Sizes by segment and by pair, in the order of the request; in numbers of profiles."""

    sizes: Mapping[int, int]
    intersections: Mapping[tuple[int, int], int]


class Overlaps:
    """The use case of the overlap route."""

    def __init__(
        self,
        *,
        definitions: SegmentDefinitions,
        publications: PublicationLog,
        results: RunResults,
        admission: Admission,
        timeout_s: float = ANALYSIS_TIMEOUT_S,
    ) -> None:
        self._timeout_s = timeout_s
        self._definitions = definitions
        self._publications = publications
        self._results = results
        self._admission = admission

    async def overlap(self, tenant_id: int, segment_ids: Sequence[int]) -> Overlap:
        """Compare the last published run of each segment. Raises NotFound, RateLimited or Unavailable."""
        with self._admission.admitted(tenant_id), errors_mapped():
            async with time_limit(self._timeout_s):
                published = await self._published(tenant_id, segment_ids)
        members = {segment_id: published.get(segment_id, _NO_MEMBERS) for segment_id in segment_ids}
        return Overlap(
            sizes={segment_id: len(bitmap) for segment_id, bitmap in members.items()},
            intersections={
                pair: members[pair[0]].intersection_cardinality(members[pair[1]])
                for pair in combinations(segment_ids, 2)
            },
        )

    async def _published(self, tenant_id: int, segment_ids: Sequence[int]) -> Mapping[int, BitMap]:
        definitions = await segments_with(self._definitions, tenant_id, segment_ids)
        for segment_id in segment_ids:
            existing(definitions.get(segment_id))
        head = await self._publications.head(tenant_id)
        heads = {segment_id: head.segments[segment_id] for segment_id in segment_ids if segment_id in head.segments}
        return await self._results.published_members(tenant_id, heads) if heads else {}
