"""How published segments overlap."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from pyroaring import BitMap

from segops_common.core.problems import NotFound
from segops_membership.ports import Definitions, Ledger, Runs
from segops_membership.service.admission import Admission
from segops_membership.service.refusals import refusals

_TIMEOUT_S: Final = 30
_NOBODY: Final = BitMap()


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """Sizes by segment and by pair, in the order asked; in numbers of profiles."""

    sizes: Mapping[int, int]
    intersections: Mapping[tuple[int, int], int]


class Overlaps:
    """The use case behind the route of overlaps."""

    def __init__(self, *, definitions: Definitions, ledger: Ledger, runs: Runs, admission: Admission) -> None:
        self._definitions = definitions
        self._ledger = ledger
        self._runs = runs
        self._admission = admission

    async def overlap(self, tenant_id: int, segment_ids: Sequence[int]) -> Overlap:
        """By the last published run of each. Raises NotFound, RateLimited or Unavailable."""
        with self._admission.admitted(tenant_id), refusals():
            async with asyncio.timeout(_TIMEOUT_S):
                known = await self._definitions.of_tenant(tenant_id)
                if not known.keys() >= set(segment_ids):
                    raise NotFound("The tenant has no such segment.")
                head = await self._ledger.head(tenant_id)
                heads = {each: head.segments[each] for each in segment_ids if each in head.segments}
                published = await self._runs.members(tenant_id, heads) if heads else {}
        members = {each: published.get(each, _NOBODY) for each in segment_ids}
        return Overlap(
            sizes={each: len(found) for each, found in members.items()},
            intersections={
                pair: members[pair[0]].intersection_cardinality(members[pair[1]])
                for pair in combinations(segment_ids, 2)
            },
        )
