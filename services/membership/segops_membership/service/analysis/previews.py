"""Previews what a definition selects, and what it would change, before it is saved."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pyroaring import BitMap

from segops_common.core.problems import Fault, ValidationFailed
from segops_language import Group
from segops_language.text.diff import TextDiff, text_diff
from segops_membership.compiler.definitions import compile_definition
from segops_membership.compiler.readable import readable_sql
from segops_membership.compiler.statements import (
    Grouping,
    person_universe_statement,
    statements_for,
    universe_statement,
    with_decisions,
)
from segops_membership.domain.parts import parts_of
from segops_membership.domain.predicates import Expression, StaticListPredicate, predicates_of
from segops_membership.domain.segment_definition import SegmentDefinition
from segops_membership.domain.segment_graph import dependents_of, reachable_from
from segops_membership.domain.set_algebra import ReferencedSegment, members, universe_of
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.ports.evaluation import Query
from segops_membership.ports.profiles import Profiles
from segops_membership.ports.segment_definitions import SegmentDefinitions
from segops_membership.service.analysis.admission import Admission
from segops_membership.service.analysis.error_mapping import ANALYSIS_TIMEOUT_S, errors_mapped, time_limit
from segops_membership.service.analysis.segment_checks import check_references, existing, referred_to, segments_with
from segops_membership.service.analysis.snapshots import Reading, Snapshots
from segops_membership.service.static_lists import StaticListVersions

SAMPLE_SIZE: Final = 10
PREVIEW_INGEST_WAIT_S: Final = 4.0
"""How long to wait until acknowledged events are stored. Then the preview goes on, and says that it is incomplete."""
PREVIEW_LISTS_WAIT_S: Final = 2.0
"""How long to wait for the list of a static segment that was changed just now."""
_UNSAVED: Final = 0
"""No segment has this id; it seeds the samples of a definition without a segment."""


@dataclass(frozen=True, slots=True)
class Share:
    """How many profiles of the universe a node keeps by itself, negation included, and how many it drops."""

    path: str
    kept: int
    dropped: int


@dataclass(frozen=True, slots=True)
class Selection:
    """A number of profiles, and some of them, spread evenly."""

    count: int
    sample: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """The profiles that a definition selects as of an instant, out of the universe."""

    universe: int
    members: Selection
    per_condition: tuple[Share, ...]
    sql: str
    """The statements that a run would send, for people to read."""
    reading: Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """How many profiles the current definition of a segment selects, out of the universe."""

    segment_id: int
    version: int
    universe: int
    matched: int
    reading: Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a definition would change in its segment; the members of `dependents` (ascending) may change with it."""

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
    """The use cases of the preview, SQL and plan routes. An evaluation may take `timeout_s`."""

    def __init__(
        self,
        *,
        definitions: SegmentDefinitions,
        lists: StaticListVersions,
        snapshots: Snapshots,
        profiles: Profiles,
        admission: Admission,
        timeout_s: float = ANALYSIS_TIMEOUT_S,
    ) -> None:
        self._timeout_s = timeout_s
        self._definitions = definitions
        self._lists = lists
        self._snapshots = snapshots
        self._profiles = profiles
        self._admission = admission

    async def preview(
        self,
        tenant_id: int,
        definition: Group,
        *,
        segment_id: int | None,
        as_of: datetime | None,
        sample_size: int = SAMPLE_SIZE,
    ) -> Preview:
        """Evaluate the definition. Raises Conflict, RateLimited, Unavailable or ValidationFailed."""
        with self._admission.admitted(tenant_id), errors_mapped():
            async with time_limit(self._timeout_s):
                as_of_ms, expression = await self._compiled(tenant_id, definition, segment_id, as_of)
                reading = await self._snapshots.read(tenant_id, predicates_of(expression), as_of_ms)
                counted = await asyncio.to_thread(_counted, definition, expression, reading)
                return Preview(
                    universe=counted.universe,
                    members=await self._selection(tenant_id, counted.members, sample_size),
                    per_condition=counted.shares,
                    sql=await asyncio.to_thread(_sql, tenant_id, expression, as_of_ms, has_joins=reading.has_joins),
                    reading=reading,
                )

    async def estimate(self, tenant_ids: Collection[int], segment_id: int) -> Estimate:
        """Evaluate the current definition of a segment, or count its list, as of now.

        Raises NotFound when none of the tenants has the segment, and what `preview` raises.
        """
        with errors_mapped():
            tenant_id = existing(await self._definitions.owner(tenant_ids, segment_id))
        with self._admission.admitted(tenant_id), errors_mapped():
            async with time_limit(self._timeout_s):
                return await self._estimate(tenant_id, segment_id)

    async def _estimate(self, tenant_id: int, segment_id: int) -> Estimate:
        segments = await self._definitions.of_tenant(tenant_id)
        current = existing(segments.get(segment_id))
        definitions = _definitions(segments)
        reachable = {segment_id} | reachable_from(current.definition, definitions)
        lists = await self._lists_of(tenant_id, reachable, segments)
        as_of_ms = self._snapshots.instant(tenant_id, None)
        expression = compile_definition(
            current.definition, as_of_ms, segment_id=segment_id, references=definitions, lists=lists
        )
        reading = await self._snapshots.read(tenant_id, predicates_of(expression), as_of_ms)
        universe, matched = await asyncio.to_thread(_sizes, expression, reading)
        return Estimate(
            segment_id=segment_id, version=current.version, universe=universe, matched=matched, reading=reading
        )

    async def queries(
        self, tenant_id: int, definition: Group, *, segment_id: int | None, as_of: datetime | None
    ) -> tuple[int, Sequence[Query]]:
        """Return the instant and the statements that a run as of then would send.

        Reads no events. Raises what `preview` raises.
        """
        with errors_mapped():
            as_of_ms, expression = await self._compiled(tenant_id, definition, segment_id, as_of)
            return as_of_ms, await self._snapshots.queries(tenant_id, predicates_of(expression), as_of_ms)

    async def _compiled(
        self, tenant_id: int, definition: Group, segment_id: int | None, as_of: datetime | None
    ) -> tuple[int, Expression]:
        segments = await segments_with(self._definitions, tenant_id, referred_to(definition))
        definitions = _definitions(segments)
        check_references(definition, definitions, segment_id)
        lists = await self._lists_of(tenant_id, reachable_from(definition, definitions), segments)
        as_of_ms = self._snapshots.instant(tenant_id, as_of)
        seed = _UNSAVED if segment_id is None else segment_id
        return as_of_ms, compile_definition(definition, as_of_ms, segment_id=seed, references=definitions, lists=lists)

    async def plan(
        self,
        tenant_ids: Collection[int],
        segment_id: int,
        definition: Group,
        *,
        base: Group | None = None,
        as_of: datetime | None,
    ) -> Plan:
        """Compare the definition with `base`, by default the segment's current one.

        Raises NotFound when none of the tenants has the segment, and what `preview` raises.
        """
        with errors_mapped():
            tenant_id = existing(await self._definitions.owner(tenant_ids, segment_id))
        with self._admission.admitted(tenant_id), errors_mapped():
            async with time_limit(self._timeout_s):
                return await self._plan(tenant_id, segment_id, definition, base, as_of)

    async def _plan(
        self, tenant_id: int, segment_id: int, definition: Group, base: Group | None, as_of: datetime | None
    ) -> Plan:
        compared = (definition,) if base is None else (definition, base)
        segments = await segments_with(self._definitions, tenant_id, referred_to(*compared))
        current = existing(segments.get(segment_id))
        definitions = _definitions(segments)
        check_references(definition, definitions, segment_id)
        if base is not None:
            check_references(base, definitions, segment_id, at="base_definition")
        base = base or current.definition
        reachable = {segment_id} | reachable_from(base, definitions) | reachable_from(definition, definitions)
        lists = await self._lists_of(tenant_id, reachable, segments)
        if segment_id in lists:
            fault = Fault("segment_id", "static", "must not be a static segment")
            raise ValidationFailed("A static segment has no definition to change.", errors=[fault])
        as_of_ms = self._snapshots.instant(tenant_id, as_of)
        old, new = (
            compile_definition(group, as_of_ms, segment_id=segment_id, references=definitions, lists=lists)
            for group in (base, definition)
        )
        reading = await self._snapshots.read(tenant_id, predicates_of(old, new), as_of_ms)
        before, after = await asyncio.to_thread(_both, old, new, reading)
        return Plan(
            segment_id=segment_id,
            version=current.version,
            before=len(before),
            after=len(after),
            staying=len(before & after),
            entering=await self._selection(tenant_id, after - before),
            leaving=await self._selection(tenant_id, before - after),
            dependents=tuple(sorted(dependents_of(segment_id, definitions) - {segment_id})),
            diff=text_diff(base, definition, names=("before", "after")),
            reading=reading,
        )

    async def _lists_of(
        self, tenant_id: int, segment_ids: Collection[int], segments: Mapping[int, SegmentDefinition]
    ) -> Mapping[int, StaticListPredicate]:
        """Return the lists of the static segments among these, at their current version or later."""
        static = await self._lists.at_least(tenant_id, dict.fromkeys(segment_ids, 0))
        return await self._lists.at_least(tenant_id, {id: segments[id].version for id in static})

    async def _selection(self, tenant_id: int, selected: BitMap, sample_size: int = SAMPLE_SIZE) -> Selection:
        size = min(sample_size, len(selected))
        numbers = [selected[index * len(selected) // size] for index in range(size)]
        user_ids = await self._profiles.user_ids(tenant_id, numbers) if numbers else {}
        if len(user_ids) < len(numbers):
            raise EngineUnavailable("a profile got another number")
        return Selection(len(selected), tuple(user_ids[number] for number in numbers))


@dataclass(frozen=True, slots=True)
class _Counted:
    universe: int
    members: BitMap
    shares: tuple[Share, ...]


def _counted(definition: Group, expression: Expression, reading: Reading) -> _Counted:
    referred: dict[int, ReferencedSegment] = {}
    # The whole first: it fills `referred` with the segments that its parts refer to.
    selected = members(expression, reading.members, reading.universe, referred)
    universe = universe_of(expression, reading.members, reading.universe, referred)
    everyone = len(universe)
    kept: dict[str, int] = {}
    for path, part in parts_of(definition, expression):
        # A documented condition may have become a group: what is inside of it was not sent.
        sent = definition.sent_path(path)
        if sent not in kept:
            kept[sent] = len(members(part, reading.members, universe, referred))
    shares = tuple(Share(path, number, everyone - number) for path, number in kept.items())
    return _Counted(everyone, selected, shares)


def _sizes(expression: Expression, reading: Reading) -> tuple[int, int]:
    """Return the sizes of the universe and of the members."""
    referred: dict[int, ReferencedSegment] = {}
    selected = members(expression, reading.members, reading.universe, referred)
    return len(universe_of(expression, reading.members, reading.universe, referred)), len(selected)


def _sql(tenant_id: int, expression: Expression, as_of_ms: int, *, has_joins: bool) -> str:
    grouping = Grouping.PERSONS if has_joins else Grouping.PROFILES
    statements = with_decisions(statements_for(tenant_id, predicates_of(expression), as_of_ms, grouping))
    universes = [universe_statement(tenant_id, as_of_ms)]
    if has_joins:
        universes.append(person_universe_statement(tenant_id, as_of_ms))
    return readable_sql((*universes, *statements))


def _both(old: Expression, new: Expression, reading: Reading) -> tuple[BitMap, BitMap]:
    """Return the members of both. A segment that both refer to is evaluated once."""
    referred: dict[int, ReferencedSegment] = {}
    before = members(old, reading.members, reading.universe, referred)
    return before, members(new, reading.members, reading.universe, referred)


def _definitions(segments: Mapping[int, SegmentDefinition]) -> dict[int, Group]:
    return {segment_id: segment.definition for segment_id, segment in segments.items()}
