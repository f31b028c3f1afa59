"""One profile as predicates see it in Python: its events in order and the lists it is in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from segops_language.events import IDENTIFY_EVENT, Event, in_order
from segops_membership.domain.predicates import EventSelection, StaticListPredicate
from segops_membership.domain.property_values import satisfies

ListHistory = Mapping[int, bool]
"""By list version: whether it added the user (True) or removed it (False)."""


@dataclass(frozen=True, slots=True)
class Profile:
    """All that is stored of one profile. Events are in the order of `in_order`.

    `as_of_ms` cuts what has no end of its own: traits, and whether the profile exists. A selection has its own end.
    """

    profile_id: str
    events: tuple[Event, ...]
    as_of_ms: int
    lists: Sequence[Mapping[int, ListHistory]] = ()
    """Of each id of the profile, by the segment whose list it is."""

    @classmethod
    def of(
        cls, profile_id: str, events: Iterable[Event], as_of_ms: int, lists: Sequence[Mapping[int, ListHistory]]
    ) -> Profile:
        """Return the profile with its events in order."""
        return cls(profile_id, tuple(sorted(events, key=in_order)), as_of_ms, lists)

    def has_events(self) -> bool:
        """Return whether there is an event at or before the instant."""
        return bool(self.events) and self.events[0].timestamp_ms <= self.as_of_ms

    def selected(self, selection: EventSelection) -> list[Event]:
        """Return the selected events in their order."""
        start_ms = selection.start_ms
        return [
            event
            for event in self.events
            if event.timestamp_ms <= selection.end_ms
            and (start_ms is None or event.timestamp_ms > start_ms)
            and selection.pattern.matches(event.event_type)
            and all(satisfies(event.payload, check) for check in selection.where)
        ]

    def identify_calls(self, trait: str) -> list[Event]:
        """Return the identify calls up to the instant that set or remove a top-level trait, in their order."""
        return [
            event
            for event in self.events
            if event.timestamp_ms <= self.as_of_ms and event.event_type == IDENTIFY_EVENT and trait in event.payload
        ]

    def is_listed(self, predicate: StaticListPredicate) -> bool:
        """Return whether the last of the predicate's versions that mentions an id of the profile added it, for any id."""
        return any(_last_added(lists.get(predicate.segment_id, {}), predicate) for lists in self.lists)


def _last_added(versions: ListHistory, predicate: StaticListPredicate) -> bool:
    mentions = [version for version in versions if predicate.since <= version <= predicate.until]
    return bool(mentions) and versions[max(mentions)]
