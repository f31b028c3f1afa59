"""Loads one profile as of an instant: what is stored, and what is acknowledged and not stored yet."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from segops_language.events import Event
from segops_language.walk import Needs
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


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedProfile:
    """The events that were requested, each once, and the static segments among those requested.

    `has_events` says whether the profile has any event by then. `stale_reason` says why acknowledged events may be missing;
    None if none is.
    """

    events: tuple[Event, ...]
    has_events: bool
    lists: dict[int, frozenset[str]]
    """The members of each static segment, reduced to this profile."""
    stale_reason: str | None


class ProfileLoader:
    """Reads the log first: what it does not return is stored when it has answered, so nothing falls between the two."""

    def __init__(
        self, *, stored: ProfileEvents, unstored: UnstoredEvents, lists: StaticLists, max_events: int = MAX_EVENTS
    ) -> None:
        self._stored = stored
        self._unstored = unstored
        self._lists = lists
        self._max_events = max_events

    async def load(
        self, tenant_id: int, profile_id: str, needs: Needs, as_of_ms: int, *, segment_ids: Collection[int]
    ) -> LoadedProfile:
        """Load the profile. `segment_ids` are the segments that may be static. Raises TooManyEvents or EngineUnavailable."""
        unstored, stale_reason = await self._read_unstored(tenant_id, profile_id, as_of_ms)
        has_events, stored, lists = await asyncio.gather(
            self._stored.has_events(tenant_id, profile_id, as_of_ms),
            self._stored.read(tenant_id, profile_id, needs, as_of_ms),
            self._lists_of(tenant_id, profile_id, segment_ids),
        )
        needed = [accepted for accepted in unstored if _is_needed(accepted.event, needs)]
        events = first_accepted([*stored, *needed])
        if len(events) > self._max_events:
            raise TooManyEvents
        return LoadedProfile(
            events=events, has_events=has_events or bool(unstored), lists=lists, stale_reason=stale_reason
        )

    async def _read_unstored(
        self, tenant_id: int, profile_id: str, as_of_ms: int
    ) -> tuple[list[AcceptedEvent], str | None]:
        try:
            events = await self._unstored.read(tenant_id, profile_id)
        except UnstoredUnavailable as error:
            return [], str(error)
        return [accepted for accepted in events if accepted.event.timestamp_ms <= as_of_ms], None

    async def _lists_of(
        self, tenant_id: int, profile_id: str, segment_ids: Collection[int]
    ) -> dict[int, frozenset[str]]:
        states = await self._lists.states(tenant_id, segment_ids) if segment_ids else {}
        predicates = [StaticListPredicate(id, state.since, state.version) for id, state in states.items()]
        inside = await self._stored.static_segments_of(tenant_id, profile_id, predicates)
        return {id: frozenset({profile_id} if id in inside else ()) for id in states}


def first_accepted(events: Iterable[AcceptedEvent]) -> tuple[Event, ...]:
    """Return each event once: the delivery with the greatest version."""
    kept: dict[object, AcceptedEvent] = {}
    for accepted in events:
        other = kept.get(accepted.event.identity)
        if other is None or accepted.version > other.version:
            kept[accepted.event.identity] = accepted
    return tuple(accepted.event for accepted in kept.values())


def _is_needed(event: Event, needs: Needs) -> bool:
    return any(pattern.matches(event.event_type) for pattern in needs.patterns)
