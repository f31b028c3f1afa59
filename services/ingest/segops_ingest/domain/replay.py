"""Turns the row of a dead letter back into a call, so that it is validated again."""

from __future__ import annotations

from typing import Any, Final

import orjson
from pydantic import ValidationError

from segops_common.contracts.events import EventKind, EventRow

_MERGED: Final[dict[EventKind, tuple[str, ...]]] = {"group": ("group_id",), "alias": ("previous_id",)}
"""Fields of a call that its row has within the payload, where they may stay."""
_TRAITS: Final = ("identify", "group")


def row_of(line: bytes) -> EventRow | None:
    """Return the event row of a line, None if it is not one."""
    try:
        return EventRow.model_validate(orjson.loads(line))
    except (orjson.JSONDecodeError, ValidationError):
        return None


def call_of(row: EventRow) -> dict[str, Any]:
    """Return the call that makes this row, with the ids and the time that were stored."""
    merged = {name: row.payload[name] for name in _MERGED.get(row.kind, ()) if name in row.payload}
    ids = {"user_id": row.user_id, "anonymous_id": row.anonymous_id}
    call: dict[str, Any] = {name: value for name, value in ids.items() if value}
    call |= {"message_id": row.message_id, "timestamp": f"{row.timestamp.replace(' ', 'T')}Z", **merged}
    if row.kind == "track":
        call["event_type"] = row.event_type
    if row.kind != "alias":
        call["traits" if row.kind in _TRAITS else "payload"] = row.payload
    return call | {"context": row.context}
