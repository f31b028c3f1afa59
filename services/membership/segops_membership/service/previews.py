"""Who a definition would select, and what would change, before it is saved."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pyroaring import BitMap

from segops_common.core.problems import Fault, NotFound, ValidationFailed
from segops_language import Group
from segops_language.text.diff import TextDiff, text_diff
from segops_membership.compiler.definitions import compile_definition
from segops_membership.domain.definitions import SegmentDefinition
from segops_membership.domain.parts import parts_of
from segops_membership.domain.predicates import Expression, StaticListPredicate, predicates_of
from segops_membership.domain.referring import dependents_of, reached_from
from segops_membership.domain.set_algebra import Referred, members, universe_of
from segops_membership.ports import Definitions, Outage, Profiles, Query
from segops_membership.service.admission import Admission
from segops_membership.service.moments import Moments, Reading
from segops_membership.service.refusals import check_definition, refusals
from segops_membership.service.static_lists import ListsAtHand

SAMPLE_SIZE: Final = 10
PREVIEW_TIMEOUT_S: Final = 30
"""For each statement in the warehouse."""
PREVIEW_LISTS_WAIT_S: Final = 2.0
"""For the list of a static segment that was changed just now."""
_ALL_IN_ALL_S: Final = 50
_UNSAVED: Final = 0
"""No segment has this id; it seeds the samples of a segment that has none yet."""


@dataclass(frozen=True, slots=True)
class Share:
    """How many profiles of the universe a node keeps by itself, its negation included, and how many it drops."""

    path: str
    kept: int
    dropped: int


@dataclass(frozen=True, slots=True)
class Selection:
    """A number of profiles, and up to ten of them, spread evenly."""

    count: int
    sample: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """Who a definition selects as of an instant, of how many."""

    universe: int
    members: Selection
    per_condition: tuple[Share, ...]
    reading: Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a definition would change in its segment, or in place of another; `dependents` may change with it."""

    segment_id: int
    version: int
    before: int
    after: int
    staying: int
    entering: Selection
    leaving: Selection
    dependents: tuple[int, ...]
    diff: TextDiff
    reading: Reading


class Previews:
    """The use cases behind the routes of previews and plans."""

    def __init__(
        self,
        *,
        definitions: Definitions,
        lists: ListsAtHand,
        moments: Moments,
        profiles: Profiles,
        admission: Admission,
    ) -> None:
        self._definitions = definitions
        self._lists = lists
        self._moments = moments
        self._profiles = profiles
        self._admission = admission

    async def preview(
        self, tenant_id: int, definition: Group, *, segment_id: int | None, as_of: datetime | None
    ) -> Preview:
        """Raises Conflict, RateLimited, Unavailable or ValidationFailed."""
        with self._admission.admitted(tenant_id), refusals():
            async with asyncio.timeout(_ALL_IN_ALL_S):
                as_of_ms, expression = await self._compiled(tenant_id, definition, segment_id, as_of)
                reading = await self._moments.read(tenant_id, predicates_of(expression), as_of_ms)
                return await self._preview(tenant_id, definition, expression, reading)

    async def queries(
        self, tenant_id: int, definition: Group, *, segment_id: int | None, as_of: datetime | None
    ) -> tuple[int, Sequence[Query]]:
        """The instant, and the statements that a run as of then would send; raises as `preview`, and reads no events."""
        with refusals():
            as_of_ms, expression = await self._compiled(tenant_id, definition, segment_id, as_of)
            return as_of_ms, await self._moments.queries(tenant_id, predicates_of(expression), as_of_ms)

    async def _compiled(
        self, tenant_id: int, definition: Group, segment_id: int | None, as_of: datetime | None
    ) -> tuple[int, Expression]:
        segments = await self._definitions.of_tenant(tenant_id)
        known = _groups(segments)
        check_definition(definition, known, segment_id)
        lists = await self._lists_of(tenant_id, reached_from(definition, known), segments)
        as_of_ms = self._moments.instant(tenant_id, as_of)
        seed = _UNSAVED if segment_id is None else segment_id
        return as_of_ms, compile_definition(definition, as_of_ms, segment_id=seed, references=known, lists=lists)

    async def plan(
        self,
        tenant_ids: Collection[int],
        segment_id: int,
        definition: Group,
        *,
        base: Group | None = None,
        as_of: datetime | None,
    ) -> Plan:
        """The change from `base`, or from what the segment has now.

        Raises NotFound when none of the tenants has the segment, and what `preview` raises.
        """
        with refusals():
            tenant_id = await self._definitions.owner(tenant_ids, segment_id)
        if tenant_id is None:
            raise NotFound("There is no such segment.")
        with self._admission.admitted(tenant_id), refusals():
            async with asyncio.timeout(_ALL_IN_ALL_S):
                return await self._plan(tenant_id, segment_id, definition, base, as_of)

    async def _preview(self, tenant_id: int, definition: Group, expression: Expression, reading: Reading) -> Preview:
        counted = await asyncio.to_thread(_counted, definition, expression, reading)
        return Preview(
            universe=counted.universe,
            members=await self._selection(tenant_id, counted.members),
            per_condition=counted.shares,
            reading=reading,
        )

    async def _plan(
        self, tenant_id: int, segment_id: int, definition: Group, base: Group | None, as_of: datetime | None
    ) -> Plan:
        segments = await self._definitions.of_tenant(tenant_id)
        if segment_id not in segments:
            raise NotFound("There is no such segment.")
        known, current = _groups(segments), segments[segment_id]
        check_definition(definition, known, segment_id)
        if base is not None:
            check_definition(base, known, segment_id, at="base_definition")
        base = base or current.definition
        reached = {segment_id} | reached_from(base, known) | reached_from(definition, known)
        lists = await self._lists_of(tenant_id, reached, segments)
        if segment_id in lists:
            fault = Fault("segment_id", "static", "The segment is a list of users.")
            raise ValidationFailed("A static segment has no definition to change.", errors=[fault])
        as_of_ms = self._moments.instant(tenant_id, as_of)
        old, new = (
            compile_definition(each, as_of_ms, segment_id=segment_id, references=known, lists=lists)
            for each in (base, definition)
        )
        reading = await self._moments.read(tenant_id, predicates_of(old, new), as_of_ms)
        before, after = await asyncio.to_thread(_both, old, new, reading)
        return Plan(
            segment_id=segment_id,
            version=current.version,
            before=len(before),
            after=len(after),
            staying=len(before & after),
            entering=await self._selection(tenant_id, after - before),
            leaving=await self._selection(tenant_id, before - after),
            dependents=tuple(sorted(dependents_of(segment_id, known) - {segment_id})),
            diff=text_diff(base, definition, names=("before", "after")),
            reading=reading,
        )

    async def _lists_of(
        self, tenant_id: int, segment_ids: Collection[int], segments: Mapping[int, SegmentDefinition]
    ) -> Mapping[int, StaticListPredicate]:
        """The lists of those that are static, as they were announced or later."""
        known = await self._lists.at_least(tenant_id, dict.fromkeys(segment_ids, 0))
        return await self._lists.at_least(tenant_id, {each: segments[each].version for each in known})

    async def _selection(self, tenant_id: int, selected: BitMap) -> Selection:
        size = min(SAMPLE_SIZE, len(selected))
        numbers = [selected[index * len(selected) // size] for index in range(size)]
        names = await self._profiles.names(tenant_id, numbers) if numbers else {}
        if len(names) < len(numbers):
            raise Outage("a profile was numbered anew")
        return Selection(len(selected), tuple(names[number] for number in numbers))


@dataclass(frozen=True, slots=True)
class _Counted:
    universe: int
    members: BitMap
    shares: tuple[Share, ...]


def _counted(definition: Group, expression: Expression, reading: Reading) -> _Counted:
    referred: dict[int, Referred] = {}
    # First the whole, by which the segments that it leads to are known, each in its own universe.
    selected = members(expression, reading.atoms, reading.universe, referred)
    universe = universe_of(expression, reading.atoms, reading.universe, referred)
    everyone = len(universe)
    kept = {
        path: len(members(part, reading.atoms, universe, referred)) for path, part in parts_of(definition, expression)
    }
    shares = tuple(Share(path, number, everyone - number) for path, number in kept.items())
    return _Counted(everyone, selected, shares)


def _both(old: Expression, new: Expression, reading: Reading) -> tuple[BitMap, BitMap]:
    """Both see the same segments that they refer to, each once."""
    referred: dict[int, Referred] = {}
    before = members(old, reading.atoms, reading.universe, referred)
    return before, members(new, reading.atoms, reading.universe, referred)


def _groups(segments: Mapping[int, SegmentDefinition]) -> dict[int, Group]:
    return {segment_id: each.definition for segment_id, each in segments.items()}
