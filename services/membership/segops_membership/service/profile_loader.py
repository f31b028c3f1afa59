"""Loads one profile as of an instant: what is stored, and what is acknowledged and not stored yet."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from segops_language.events import Event
from segops_language.walk import Needs
from segops_membership.domain.identity.joins import Person
from segops_membership.domain.predicates import StaticListPredicate
from segops_membership.ports.events import (
    MAX_EVENTS,
    AcceptedEvent,
    ProfileEvents,
    TooManyEvents,
    UnstoredEvents,
    UnstoredUnavailable,
)
from segops_membership.ports.static_lists import StaticLists
from segops_membership.service.identity.persons import Persons


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedProfile:
    """The events that were requested, each once, and the static segments among those requested.

    `has_events` says whether the profile has any event by then. `stale_reason` says why acknowledged events may be missing;
    None if none is.
    """

    person_id: str
    """The profile that the requested id belongs to."""
    events: tuple[Event, ...]
    has_events: bool
    lists: dict[int, frozenset[str]]
    """The members of each static segment, reduced to this profile."""
    stale_reason: str | None


class ProfileLoader:
    """Reads the log first: what it does not return is stored when it has answered, so nothing falls between the two.

    Where ids may be joined, it reads all that the tenant sent to the log, and then the events of all ids of the person.
    """

    def __init__(
        self,
        *,
        stored: ProfileEvents,
        unstored: UnstoredEvents,
        lists: StaticLists,
        persons: Persons,
        max_events: int = MAX_EVENTS,
    ) -> None:
        self._stored = stored
        self._persons = persons
        self._unstored = unstored
        self._lists = lists
        self._max_events = max_events

    async def load(
        self, tenant_id: int, profile_id: str, needs: Needs, as_of_ms: int, *, segment_ids: Collection[int]
    ) -> LoadedProfile:
        """Load the profile that an id belongs to. `segment_ids` are the segments that may be static.

        Raises TooManyEvents, TooManyIds or EngineUnavailable.
        """
        person, sent, stale_reason = await self._read_unstored(tenant_id, profile_id, as_of_ms)
        unstored = [accepted for accepted in sent if accepted.event.timestamp_ms <= as_of_ms]
        has_events, stored, lists = await asyncio.gather(
            self._stored.has_events(tenant_id, person.ids, as_of_ms),
            self._stored.read(tenant_id, person.ids, needs, as_of_ms),
            self._lists_of(tenant_id, person, segment_ids),
        )
        needed = [accepted for accepted in unstored if _is_needed(accepted.event, needs)]
        events = first_accepted([*stored, *needed])
        if len(events) > self._max_events:
            raise TooManyEvents
        return LoadedProfile(
            person_id=person.person_id,
            events=events,
            has_events=has_events or bool(unstored),
            lists=lists,
            stale_reason=stale_reason,
        )

    async def _read_unstored(
        self, tenant_id: int, profile_id: str, as_of_ms: int
    ) -> tuple[Person, Sequence[AcceptedEvent], str | None]:
        """Return the person, the events that are not stored yet, and why some may be missing."""
        has_joins = await self._persons.has_joins(tenant_id)
        try:
            if not has_joins:
                return Person(profile_id, (profile_id,)), await self._unstored.read(tenant_id, profile_id), None
            tail = await self._unstored.read_all(tenant_id)
        except UnstoredUnavailable as error:
            return await self._persons.person(tenant_id, profile_id, as_of_ms), (), str(error)
        person = await self._persons.person(tenant_id, profile_id, as_of_ms, tail.facts)
        return person, tail.events_of(person.ids), None

    async def _lists_of(
        self, tenant_id: int, person: Person, segment_ids: Collection[int]
    ) -> dict[int, frozenset[str]]:
        states = await self._lists.states(tenant_id, segment_ids) if segment_ids else {}
        predicates = [StaticListPredicate(id, state.since, state.version) for id, state in states.items()]
        inside = await self._stored.static_segments_of(tenant_id, person.ids, predicates)
        return {id: frozenset({person.person_id} if id in inside else ()) for id in states}


def first_accepted(events: Iterable[AcceptedEvent]) -> tuple[Event, ...]:
    """Return each event once: the delivery with the greatest version."""
    kept: dict[object, AcceptedEvent] = {}
    for accepted in events:
        identity = accepted.event.profile_id, accepted.event.identity
        other = kept.get(identity)
        if other is None or accepted.version > other.version:
            kept[identity] = accepted
    return tuple(accepted.event for accepted in kept.values())


def _is_needed(event: Event, needs: Needs) -> bool:
    return any(pattern.matches(event.event_type) for pattern in needs.patterns)
