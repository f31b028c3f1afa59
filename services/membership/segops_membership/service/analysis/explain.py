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
from segops_language.reference.explain import Explanation, TooManyEvaluations, explain, forecasts
from segops_language.reference.forecast import Forecast
from segops_language.values.instants import to_ms
from segops_language.walk import needs_of
from segops_membership.domain.segment_graph import dependency_order
from segops_membership.ports.events import TooManyEvents
from segops_membership.ports.segment_definitions import SegmentDefinitions
from segops_membership.service.analysis.error_mapping import errors_mapped
from segops_membership.service.analysis.segment_checks import check_references, existing, referred_to, segments_with
from segops_membership.service.profile_loader import LoadedProfile, ProfileLoader

_AT_ONCE: Final = 2
"""Explanations evaluated at once; they share the processor with all other requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipExplanation:
    """An explanation, its instant, and the version of the segment; None for a definition of the request.

    `has_events` says whether the user has any event by then, `stale_reason` why acknowledged events may be missing.
    """

    version: int | None
    as_of_ms: int
    has_events: bool
    stale_reason: str | None
    definition: Group
    """What was explained: of a static segment, that the user is in its list."""
    explanation: Explanation


@dataclass(frozen=True, slots=True)
class _Subject:
    """The definition to explain, with the definitions of all segments that it refers to."""

    segment_id: int
    version: int | None
    definition: Group
    references: Mapping[int, Group]


@dataclass(frozen=True, slots=True)
class Forecasts:
    """The forecast of a user's verdict by segment. `stale_reason` says why acknowledged events may be missing."""

    by_segment: Mapping[int, Forecast]
    stale_reason: str | None


class Explain:
    """The use case of the explain route. The reference evaluator decides, over all acknowledged events of the user."""

    def __init__(self, *, definitions: SegmentDefinitions, profiles: ProfileLoader, clock: Clock) -> None:
        self._definitions = definitions
        self._profiles = profiles
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
                loaded, profile, explained = await self._profile(tenant_id, user_id, subject, as_of_ms)
                async with self._slots:
                    explanation = await asyncio.to_thread(explain, profile, explained)
            except (TooManyEvents, TooManyEvaluations) as error:
                raise _too_many_events() from error
        return MembershipExplanation(
            version=subject.version,
            as_of_ms=as_of_ms,
            has_events=loaded.has_events,
            stale_reason=loaded.stale_reason,
            definition=explained,
            explanation=explanation,
        )

    async def forecasts(self, tenant_id: int, user_id: str, segment_ids: Collection[int]) -> Forecasts:
        """Evaluate the user on these segments of the tenant now, and predict when time alone changes the verdicts.

        Raises ValidationFailed (too-many-events) or Unavailable.
        """
        as_of_ms = to_ms(self._clock.now())
        with errors_mapped():
            segments = await self._definitions.of_tenant(tenant_id)
            definitions = {id: segment.definition for id, segment in segments.items()}
            order = dependency_order({id for id in segment_ids if id in definitions}, definitions)
            references = {id: definitions[id] for id in order}
            try:
                loaded = await self._profiles.load(
                    tenant_id, user_id, needs_of(references.values()), as_of_ms, segment_ids=references
                )
                profile = EvaluatedProfile(
                    loaded.person_id, loaded.events, as_of_ms, 0, references, loaded.lists, loaded.has_events
                )
                async with self._slots:
                    verdicts = await asyncio.to_thread(forecasts, profile, references)
            except (TooManyEvents, TooManyEvaluations) as error:
                raise _too_many_events() from error
        return Forecasts(verdicts, loaded.stale_reason)

    async def _subject(self, tenant_id: int, segment_id: int | None, definition: Group | None) -> _Subject:
        version: int | None = None
        if definition is None:
            current = existing(None if segment_id is None else await self._definitions.find(tenant_id, segment_id))
            definition, version = current.definition, current.version
        references: dict[int, Group] = {}
        if needed := referred_to(definition):
            segments = await segments_with(self._definitions, tenant_id, needed)
            definitions = {segment.segment_id: segment.definition for segment in segments.values()}
            # Of a saved definition the segments service has checked that it does not lead back to its segment.
            check_references(definition, definitions, segment_id if version is None else None)
            order = dependency_order(needed, definitions)
            references = {id: definitions[id] for id in order}
        return _Subject(0 if segment_id is None else segment_id, version, definition, references)

    async def _profile(
        self, tenant_id: int, user_id: str, subject: _Subject, as_of_ms: int
    ) -> tuple[LoadedProfile, EvaluatedProfile, Group]:
        """Return the profile and the definition to explain; that of a static segment is its list."""
        needs = needs_of((subject.definition, *subject.references.values()))
        own = () if subject.version is None else (subject.segment_id,)
        loaded = await self._profiles.load(tenant_id, user_id, needs, as_of_ms, segment_ids={*own, *subject.references})
        definition, lists = subject.definition, loaded.lists
        if subject.version is not None and subject.segment_id in lists:
            in_list = SegmentMembership(type="segment", segment_id=subject.segment_id)
            definition = Group(logic="AND", conditions=(in_list,))
        profile = EvaluatedProfile(
            loaded.person_id, loaded.events, as_of_ms, subject.segment_id, subject.references, lists, loaded.has_events
        )
        return loaded, profile, definition


def _too_many_events() -> ValidationFailed:
    return ValidationFailed("The user has too many events to explain.", slug="too-many-events")
