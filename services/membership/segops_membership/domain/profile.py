"""One profile as predicates see it in Python: its events in order and the lists it is in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from segops_language.events import IDENTIFY_EVENT, Event, in_order
from segops_membership.domain.predicates import EventSelection, StaticListPredicate
from segops_membership.domain.property_values import satisfies

ListHistory = Mapping[int, bool]
"""By list version: whether it added the user (True) or removed it (False)."""


@dataclass(frozen=True, slots=True)
class Profile:
    """All that is stored of one profile as of an instant. Events ascend by time, ties by message id as bytes."""

    profile_id: str
    events: tuple[Event, ...]
    lists: Mapping[int, ListHistory] = field(default_factory=dict)
    """By the segment whose list it is."""

    @classmethod
    def of(
        cls,
        profile_id: str,
        events: Iterable[Event],
        as_of_ms: int,
        lists: Mapping[int, ListHistory],
    ) -> Profile:
        """Return the profile without the events after the instant."""
        by_then = (event for event in events if event.timestamp_ms <= as_of_ms)
        return cls(profile_id, tuple(sorted(by_then, key=in_order)), lists)

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
        """Return the identify calls that set or remove a top-level trait, in their order."""
        return [event for event in self.events if event.event_type == IDENTIFY_EVENT and trait in event.payload]

    def is_listed(self, predicate: StaticListPredicate) -> bool:
        """Return whether the last of the predicate's versions that mentions the profile added it."""
        versions = self.lists.get(predicate.segment_id, {})
        mentions = [version for version in versions if predicate.since <= version <= predicate.until]
        return bool(mentions) and versions[max(mentions)]
