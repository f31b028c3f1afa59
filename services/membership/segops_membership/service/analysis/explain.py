"""Explains why a user is or is not in a segment."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from segops_common.core.clock import Clock
from segops_common.core.problems import ValidationFailed
from segops_language import Group, SegmentMembership
from segops_language.reference.evaluate import EvaluatedProfile
from segops_language.reference.explain import Explanation, TooManyEvaluations, explain
from segops_language.values.instants import to_ms
from segops_language.walk import needs_of, segments_in
from segops_membership.domain.predicates import StaticListPredicate
from segops_membership.domain.segment_graph import dependency_order
from segops_membership.ports.events import ProfileEvents, TooManyEvents
from segops_membership.ports.segment_definitions import SegmentDefinitions
from segops_membership.ports.static_lists import StaticLists
from segops_membership.service.analysis.error_mapping import errors_mapped
from segops_membership.service.analysis.segment_checks import check_references, existing

_AT_ONCE: Final = 2
"""Explanations evaluated at once; they share the processor with all other requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipExplanation:
    """An explanation, its instant, and the version of the segment; None for a definition of the request.

    `has_events` says whether the user has any event by then.
    """

    version: int | None
    as_of_ms: int
    has_events: bool
    explanation: Explanation


@dataclass(frozen=True, slots=True)
class _Subject:
    """The definition to explain, with the definitions of all segments that it refers to."""

    segment_id: int
    version: int | None
    definition: Group
    references: Mapping[int, Group]


class Explain:
    """The use case of the explain route. The reference evaluator decides, over the events in the warehouse."""

    def __init__(
        self, *, definitions: SegmentDefinitions, lists: StaticLists, events: ProfileEvents, clock: Clock
    ) -> None:
        self._definitions = definitions
        self._lists = lists
        self._events = events
        self._clock = clock
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def explain(
        self, tenant_id: int, user_id: str, *, segment_id: int | None, definition: Group | None, as_of: datetime | None
    ) -> MembershipExplanation:
        """Explain by the given definition, else by the segment's current one.

        Raises NotFound, ValidationFailed (validation-failed, segment-cycle, too-many-events) or Unavailable.
        """
        as_of_ms = to_ms(self._clock.now() if as_of is None else as_of)
        with errors_mapped():
            subject = await self._subject(tenant_id, segment_id, definition)
            try:
                profile, explained = await self._profile(tenant_id, user_id, subject, as_of_ms)
                async with self._slots:
                    explanation = await asyncio.to_thread(explain, profile, explained)
            except (TooManyEvents, TooManyEvaluations) as error:
                raise ValidationFailed("The user has too many events to explain.", slug="too-many-events") from error
        return MembershipExplanation(
            version=subject.version, as_of_ms=as_of_ms, has_events=profile.has_events, explanation=explanation
        )

    async def _subject(self, tenant_id: int, segment_id: int | None, definition: Group | None) -> _Subject:
        version: int | None = None
        if definition is None:
            current = existing(None if segment_id is None else await self._definitions.find(tenant_id, segment_id))
            definition, version = current.definition, current.version
        references: dict[int, Group] = {}
        if segments_in(definition):
            segments = await self._definitions.of_tenant(tenant_id)
            definitions = {segment.segment_id: segment.definition for segment in segments.values()}
            # Of a saved definition the segments service has checked that it does not lead back to its segment.
            check_references(definition, definitions, segment_id if version is None else None)
            order = dependency_order({id for _, id in segments_in(definition)}, definitions)
            references = {id: definitions[id] for id in order}
        return _Subject(0 if segment_id is None else segment_id, version, definition, references)

    async def _profile(
        self, tenant_id: int, user_id: str, subject: _Subject, as_of_ms: int
    ) -> tuple[EvaluatedProfile, Group]:
        """Return the profile and the definition to explain; that of a static segment is its list."""
        needs = needs_of((subject.definition, *subject.references.values()))
        own = () if subject.version is None else (subject.segment_id,)
        has_events, events, lists = await asyncio.gather(
            self._events.has_events(tenant_id, user_id, as_of_ms),
            self._events.read(tenant_id, user_id, needs, as_of_ms),
            self._lists_of(tenant_id, user_id, {*own, *subject.references}),
        )
        definition = subject.definition
        if subject.version is not None and subject.segment_id in lists:
            in_list = SegmentMembership(type="segment", segment_id=subject.segment_id)
            definition = Group(logic="AND", conditions=(in_list,))
        profile = EvaluatedProfile(user_id, events, as_of_ms, subject.segment_id, subject.references, lists, has_events)
        return profile, definition

    async def _lists_of(self, tenant_id: int, user_id: str, segment_ids: Collection[int]) -> dict[int, frozenset[str]]:
        """Return the lists of the static segments among these, reduced to this user."""
        states = await self._lists.states(tenant_id, segment_ids) if segment_ids else {}
        predicates = [StaticListPredicate(id, state.since, state.version) for id, state in states.items()]
        inside = await self._events.static_segments_of(tenant_id, user_id, predicates)
        return {id: frozenset({user_id} if id in inside else ()) for id in states}
