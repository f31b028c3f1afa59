"""Evaluates every segment of a tenant for one user at this instant, also segments that were never computed."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from segops_common.core.clock import Clock
from segops_common.core.problems import ValidationFailed
from segops_language import Group
from segops_language.events import Event
from segops_language.reference.evaluate import EvaluatedProfile, listed
from segops_language.values.instants import to_ms
from segops_language.walk import conditions_in, needs_of
from segops_membership.domain.segment_graph import dependency_order
from segops_membership.ports.events import TooManyEvents
from segops_membership.ports.segment_definitions import SegmentDefinitions
from segops_membership.service.analysis.error_mapping import errors_mapped
from segops_membership.service.profile_loader import LoadedProfile, ProfileLoader

MAX_EVALUATED: Final = 2_000_000
"""Events times conditions, over all segments of the tenant."""
_AT_ONCE: Final = 2
"""Users evaluated at once; they share the processor with all other requests."""


@dataclass(frozen=True, slots=True)
class SegmentsNow:
    """A user's segments as of an instant, ascending. `stale_reason` says why acknowledged events may be missing."""

    segment_ids: tuple[int, ...]
    as_of_ms: int
    stale_reason: str | None


class MembershipNow:
    """The use case of a lookup at this instant. The reference evaluator decides, over all acknowledged events."""

    def __init__(self, *, definitions: SegmentDefinitions, profiles: ProfileLoader, clock: Clock) -> None:
        self._definitions = definitions
        self._profiles = profiles
        self._clock = clock
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def segments_of(self, tenant_id: int, user_id: str) -> SegmentsNow:
        """Evaluate the user. Raises ValidationFailed (too-many-events) or Unavailable."""
        as_of_ms = to_ms(self._clock.now())
        with errors_mapped():
            segments = await self._definitions.of_tenant(tenant_id)
            definitions = {id: segment.definition for id, segment in segments.items()}
            order = dependency_order(definitions, definitions)
            needs = needs_of(definitions.values())
            try:
                loaded = await self._profiles.load(tenant_id, user_id, needs, as_of_ms, segment_ids=definitions)
                evaluation = _Evaluation(loaded, as_of_ms, definitions)
                async with self._slots:
                    members = await asyncio.to_thread(evaluation.members, order)
            except TooManyEvents as error:
                raise ValidationFailed("The user has too many events to evaluate.", slug="too-many-events") from error
        return SegmentsNow(tuple(sorted(members)), as_of_ms, loaded.stale_reason)


class _Evaluation:
    """One user and all segments. A segment's verdict is found once, and stands for it wherever it is referred to."""

    def __init__(self, loaded: LoadedProfile, as_of_ms: int, definitions: Mapping[int, Group]) -> None:
        self._user_id = loaded.person_id
        self._loaded = loaded
        self._as_of_ms = as_of_ms
        self._definitions = definitions
        self._by_type: defaultdict[str, list[Event]] = defaultdict(list)
        for event in loaded.events:
            self._by_type[event.event_type].append(event)
        self._evaluated = 0

    def members(self, order: Iterable[int]) -> list[int]:
        """Return the segments that contain the user. `order` has each segment after those that it refers to.

        Raises TooManyEvents.
        """
        verdicts = dict(self._loaded.lists)
        for segment_id in order:
            if segment_id not in verdicts:
                is_in = self._is_in(segment_id, verdicts)
                verdicts[segment_id] = frozenset({self._user_id} if is_in else ())
        return [segment_id for segment_id, users in verdicts.items() if users]

    def _is_in(self, segment_id: int, verdicts: Mapping[int, frozenset[str]]) -> bool:
        definition, lists = self._definitions[segment_id], self._loaded.lists
        if not self._loaded.has_events and self._user_id not in listed(definition, self._definitions, lists):
            return False
        patterns = needs_of([definition]).patterns
        events = [
            event
            for event_type, of_type in self._by_type.items()
            if any(pattern.matches(event_type) for pattern in patterns)
            for event in of_type
        ]
        self._evaluated += len(events) * sum(1 for _ in conditions_in(definition))
        if self._evaluated > MAX_EVALUATED:
            raise TooManyEvents
        # Its segments are settled, so the profile sees them as lists.
        profile = EvaluatedProfile(self._user_id, events, self._as_of_ms, segment_id, {}, verdicts, has_events=True)
        return profile.is_in(definition)
