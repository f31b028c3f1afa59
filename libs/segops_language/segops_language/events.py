"""Events as the language sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

IDENTIFY_EVENT: Final = "$identify"
"""The event type of calls that set traits; the payload of such an event is the traits."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a profile; the payload of `$identify` is the traits, nulls included."""

    profile_id: str
    event_type: str
    message_id: str
    timestamp_ms: int
    payload: dict[str, JsonValue]
    position: int = 0
    """The index of the call within its request."""

    @property
    def identity(self) -> tuple[str, int, str]:
        """What an event of a profile counts once by, however often it was delivered."""
        return self.event_type, self.timestamp_ms, self.message_id


EventOrder = tuple[int, int, bytes, bytes, bytes]


def in_order(event: Event) -> EventOrder:
    """Return a sort key: by time, then position, then message_id, profile id and event type as bytes.

    No two events share it. The events of a person may have several profile ids.
    """
    ids = event.message_id.encode(), event.profile_id.encode()
    return event.timestamp_ms, event.position, *ids, event.event_type.encode()
