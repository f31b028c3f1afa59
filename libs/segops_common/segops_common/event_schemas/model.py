"""What a schema says about the events of one type, and its limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

PropertyType = Literal["string", "number", "boolean", "datetime", "array"]
Mode = Literal["warn", "quarantine", "refuse"]

MAX_PROPERTIES: Final = 100
MAX_SCHEMAS: Final = 200
"""Schemas of one tenant. Every process of ingestion holds all of them in memory."""
MAX_PROPERTY_CHARS: Final = 200
MAX_PROPERTY_KEYS: Final = 16
"""Levels of objects that a property's name may lead through: as many as a payload may have."""
CHECKED_RESERVED: Final = ("$identify", "$page", "$screen")
"""Event types that begin with `$` and may have a schema."""
CONTEXT_IDENTIFIED: Final = "context_identified"
"""The event type by which other clients send traits. Its events are stored as `$identify`."""


@dataclass(frozen=True, slots=True)
class PropertyRule:
    """What is expected of one property. `name` is a path: its keys are separated by dots, and `\\.` is a dot in a key."""

    name: str
    type: PropertyType
    required: bool = False


@dataclass(frozen=True, slots=True)
class EventSchema:
    """The rules for the events of one type, and what happens to an event that violates them."""

    event_type: str
    mode: Mode
    properties: tuple[PropertyRule, ...]


def stored_event_type(event_type: str) -> str:
    """Return the event type under which events of this type are stored."""
    return "$identify" if event_type == CONTEXT_IDENTIFIED else event_type
