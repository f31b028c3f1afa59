"""Reads an event from the log in the form in which the warehouse gives it back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from pydantic import JsonValue, ValidationError

from segops_common.contracts.events import EventRow
from segops_language.events import IDENTIFY_EVENT, Event
from segops_language.values.instants import to_ms

_EXACT: Final = 2**53
"""Beyond it, numbers are compared as doubles, and are read back as doubles or integers by what is beside them."""


def stored_event(line: bytes) -> tuple[int, Event] | None:
    """Return the tenant and the event of a line. None for a line that is no event, which the sink does not store."""
    try:
        row = EventRow.model_validate_json(line)
    except ValidationError:
        return None
    payload = {key: as_stored(value) for key, value in row.payload.items() if value is not None}
    if row.event_type == IDENTIFY_EVENT:
        payload |= dict.fromkeys(row.removed)
    timestamp_ms = to_ms(datetime.fromisoformat(row.timestamp).replace(tzinfo=UTC))
    return row.tenant_id, Event(row.profile_id, row.event_type, row.message_id, timestamp_ms, payload, row.position)


def as_stored(value: JsonValue) -> JsonValue:
    """Return a value of a payload as it comes back from a column of type JSON.

    Nulls vanish from objects, also from objects inside arrays, and stay in arrays. (ClickHouse stores some nulls beside
    arrays as empty arrays, depending on other events of the insert.) A double without a fraction becomes an integer. Objects without a value stay, because their paths are stored beside the payload.
    """
    match value:
        case dict():
            return {key: as_stored(inner) for key, inner in value.items() if inner is not None}
        case list():
            return [as_stored(inner) for inner in value]
        case float() if value.is_integer() and abs(value) < _EXACT:
            return int(value)
        case _:
            return value
