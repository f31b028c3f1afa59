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


def in_order(event: Event) -> tuple[int, bytes]:
    """Return a sort key: by time, ties by message_id as bytes."""
    return event.timestamp_ms, event.message_id.encode()
