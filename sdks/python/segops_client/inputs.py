"""Events and traits as objects, for callers that prefer them to keywords."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Event:
    """An action of a user. `occurred_at` is an ISO 8601 time; the time of the call by default."""

    user_id: str
    event_type: str
    occurred_at: str | None = None
    payload: dict[str, Any] = field(default_factory=dict)


@dataclass
class Context:
    """Traits of a user."""

    user_id: str
    traits: dict[str, Any] = field(default_factory=dict)


def fields_of(value: object) -> Mapping[str, Any]:
    """Return the fields of an object or mapping; empty for None. Raises TypeError for anything else."""
    if value is None:
        return {}
    if isinstance(value, (Event, Context)):
        return vars(value)
    if isinstance(value, Mapping):
        return value
    raise TypeError(f"must be an Event, a Context or a mapping, not {type(value).__name__}")
