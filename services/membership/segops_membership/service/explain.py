"""Why a user is or is not in a segment."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from segops_common.core.clock import Clock
from segops_common.core.problems import Fault, NotFound, Unavailable, ValidationFailed
from segops_language import Group, SegmentMembership
from segops_language.instants import to_ms
from segops_language.reference.evaluate import Profile
from segops_language.reference.explain import Explanation, TooManyEvaluations, explain
from segops_language.walk import needs_of, segments_in
from segops_membership.domain.predicates import StaticListPredicate
from segops_membership.domain.segment_graph import BrokenReference, dependency_order
from segops_membership.ports import Definitions, Outage, ProfileEvents, StaticLists, TooManyEvents

_AT_ONCE: Final = 2
"""Explanations that are worked out at once; they share the processor with every other answer."""
_MAX_FAULTS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An explanation, of which version of the segment, as of when."""

    version: int | None
    as_of_ms: int
    known: bool
    explanation: Explanation


@dataclass(frozen=True, slots=True)
class _Question:
    segment_id: int
    version: int | None
    definition: Group
    references: Mapping[int, Group]


class Explain:
    """The use case; every verdict is the evaluator's, over the events that are in the warehouse."""

    def __init__(self, *, definitions: Definitions, lists: StaticLists, events: ProfileEvents, clock: Clock) -> None:
        self._definitions = definitions
        self._lists = lists
        self._events = events
        self._clock = clock
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def explain(
        self, tenant_id: int, user_id: str, *, segment_id: int | None, definition: Group | None, as_of: datetime | None
    ) -> Answer:
        """By the definition that is given, or else by the segment's present one.

        Raises NotFound, ValidationFailed (validation-failed, segment-cycle, too-many-events), Unavailable.
        """
        as_of_ms = to_ms(self._clock.now() if as_of is None else as_of)
        try:
            question = await self._question(tenant_id, segment_id, definition)
            profile, asked = await self._asked(tenant_id, user_id, question, as_of_ms)
            async with self._slots:
                explanation = await asyncio.to_thread(explain, profile, asked)
        except Outage as error:
            raise Unavailable("Events cannot be read at the moment.") from error
        except BrokenReference as error:
            raise Unavailable("A definition that this one leads to is not known here yet.") from error
        except (TooManyEvents, TooManyEvaluations) as error:
            raise ValidationFailed("The user has too many events to explain.", slug="too-many-events") from error
        return Answer(version=question.version, as_of_ms=as_of_ms, known=profile.seen, explanation=explanation)

    async def _question(self, tenant_id: int, segment_id: int | None, definition: Group | None) -> _Question:
        version: int | None = None
        if definition is None:
            current = None if segment_id is None else await self._definitions.current(tenant_id, segment_id)
            if current is None:
                raise NotFound("There is no such segment.")
            definition, version = current.definition, current.version
        references: dict[int, Group] = {}
        if segments_in(definition):
            of_tenant = await self._definitions.of_tenant(tenant_id)
            known = {each: found.definition for each, found in of_tenant.items()}
            references = _references(definition, known)
        if segment_id in references:
            fault = Fault("definition", "segment-cycle", "The segment would lead back to itself.")
            raise ValidationFailed("The segment would lead back to itself.", slug="segment-cycle", errors=[fault])
        return _Question(0 if segment_id is None else segment_id, version, definition, references)

    async def _asked(self, tenant_id: int, user_id: str, question: _Question, as_of_ms: int) -> tuple[Profile, Group]:
        """The profile, and the definition; that of a static segment is its list."""
        needs = needs_of((question.definition, *question.references.values()))
        own = () if question.version is None else (question.segment_id,)
        seen, events, lists = await asyncio.gather(
            self._events.is_seen(tenant_id, user_id, as_of_ms),
            self._events.events(tenant_id, user_id, needs, as_of_ms),
            self._lists_of(tenant_id, user_id, {*own, *question.references}),
        )
        definition = question.definition
        if question.version is not None and question.segment_id in lists:
            listed = SegmentMembership(type="segment", segment_id=question.segment_id)
            definition = Group(logic="AND", conditions=(listed,))
        profile = Profile(user_id, events, as_of_ms, question.segment_id, question.references, lists, seen)
        return profile, definition

    async def _lists_of(self, tenant_id: int, user_id: str, segment_ids: Collection[int]) -> dict[int, frozenset[str]]:
        """The static segments among these: each list as far as this user goes."""
        known = await self._lists.known(tenant_id, segment_ids) if segment_ids else {}
        atoms = [StaticListPredicate(each, found.since, found.version) for each, found in known.items()]
        inside = await self._events.lists_with(tenant_id, user_id, atoms)
        return {each: frozenset({user_id} if each in inside else ()) for each in known}


def _references(definition: Group, known: Mapping[int, Group]) -> dict[int, Group]:
    """Raises ValidationFailed for a segment that the tenant does not have, BrokenReference for one further down."""
    faults = [
        Fault(path, "segment-not-found", "The tenant has no such segment.")
        for path, segment_id in segments_in(definition)
        if segment_id not in known
    ]
    if faults:
        raise ValidationFailed("The definition cannot refer to these segments.", errors=faults[:_MAX_FAULTS])
    wanted = {segment_id for _, segment_id in segments_in(definition)}
    return {each: known[each] for each in dependency_order(wanted, known)}
