"""What the explorer shows: users, their traits, and stored events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from segops_membership.domain.predicates import FlagValue, NumberValue, OneOf, Present, Test, TextValue, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSearch:
    """Which users to list. Empty fields accept every user."""

    text: str = ""
    """A part of the id, without regard to case."""
    trait: str = ""
    """The path of a trait that the user must have."""
    value: str | None = None
    """The value that the trait must have, as text; None for any value."""

    @property
    def test(self) -> Test:
        """What the trait must pass: to be the text, or the number or truth value that the text spells."""
        return Present() if self.value is None else OneOf(_values_spelled(self.value))


@dataclass(frozen=True, slots=True, order=True)
class UserPosition:
    """A place in a list of users, which is ascending: ids that begin with the text come first."""

    rank: int
    user_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSummary:
    """A user in a list. Times are in milliseconds."""

    position: UserPosition
    event_count: int
    first_seen_ms: int
    last_seen_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTypeCount:
    """How often and when a user did something. Times are in milliseconds."""

    event_type: str
    count: int
    first_seen_ms: int
    last_seen_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UserEvents:
    """The events of a user in numbers: by event type, and the ids that came with them, ascending."""

    event_types: tuple[EventTypeCount, ...]
    user_id: str | None
    """The id as a user id; None for a profile that only has an anonymous id."""
    anonymous_ids: tuple[str, ...]

    @property
    def count(self) -> int:
        """The number of events."""
        return sum(item.count for item in self.event_types)

    @property
    def first_seen_ms(self) -> int:
        """The time of the first event."""
        return min(item.first_seen_ms for item in self.event_types)

    @property
    def last_seen_ms(self) -> int:
        """The time of the last event."""
        return max(item.last_seen_ms for item in self.event_types)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trait:
    """The present value of a trait, and the event that set it."""

    name: str
    value: JsonValue
    set_at_ms: int
    message_id: str


@dataclass(frozen=True, slots=True, order=True)
class EventPosition:
    """A place in the order of events: by time, then by place in the request, then by hashes of their ids.

    `key` is the XXH64 of message id, U+0000 and event type, `user_key` that of the profile: so a place is short.
    """

    timestamp_ms: int
    position: int
    key: int
    user_key: int

    @classmethod
    def before_all_at(cls, timestamp_ms: int) -> EventPosition:
        """Return the place before every event of that millisecond."""
        return cls(timestamp_ms, 0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """An event as it is stored."""

    at: EventPosition
    event_type: str
    message_id: str
    user_id: str
    anonymous_id: str
    received_ms: int
    original_ms: int | None
    """The time that the client sent, if the server corrected it."""
    payload: Mapping[str, JsonValue]

    @property
    def profile_id(self) -> str:
        """The profile of the event."""
        return self.user_id or self.anonymous_id


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which events to list. None and '' accept every event."""

    event_type: str | None = None
    user_id: str | None = None
    ids: tuple[str, ...] = ()
    """All ids of the user, if several are joined."""
    since_ms: int | None = None
    """Included."""
    until_ms: int | None = None
    """Excluded."""
    text: str = ""
    """Text in the JSON of the payload, without regard to case."""


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events, the newest first. `before` is where the next page begins; None when there is none.

    A page may be shorter than its limit, even empty, though there is a next one.
    """

    events: tuple[StoredEvent, ...]
    before: EventPosition | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTypeSummary:
    """An event type of a tenant. `hours` has one count for each of the last 24 hours, oldest first."""

    event_type: str
    count: int
    first_seen_ms: int
    last_seen_ms: int
    hours: tuple[int, ...]


def _values_spelled(text: str) -> tuple[Value, ...]:
    if text in ("true", "false"):
        return TextValue(text), FlagValue(text == "true")
    try:
        number = json.loads(text)
    except ValueError:
        return (TextValue(text),)
    is_number = isinstance(number, int | float) and not isinstance(number, bool)
    return (TextValue(text), NumberValue(float(number))) if is_number else (TextValue(text),)
