"""Validates an event and builds its row.

Written by hand, because a pydantic model per event takes ten times as long. `api/schemas.py` documents the same rules as
models; a property test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from segops_common.contracts.events import RESERVED_EVENT_TYPES, EventKind
from segops_common.core.ids import Ids, message_id_from, uuid7_time
from segops_common.core.profile_ids import MAX_PROFILE_ID_CHARS, is_blank
from segops_ingest.domain.content_ids import content_message_id
from segops_ingest.domain.identity import Memory, Row, dated
from segops_ingest.domain.instants import ClockSkew, TimestampRange, from_rfc3339, warehouse_text
from segops_ingest.domain.limits import (
    MAX_EVENT_TYPE_CHARS,
    MAX_MESSAGE_ID_CHARS,
    MAX_NAME_CHARS,
)
from segops_ingest.domain.refusal import EventRefused, Hints

CONTEXT_IDENTIFIED: Final = "context_identified"
"""The event type by which other clients send traits. Such a call is an identify, whatever kind it was sent as."""

_COMMON: Final = frozenset({"user_id", "anonymous_id", "message_id", "timestamp", "occurred_at", "sent_at", "context"})
_UUID_CHARS: Final = 36
_VERSION_AT: Final = 14


@dataclass(frozen=True, slots=True)
class CallShape:
    """The fields of a kind of call: `merged_texts` are stored within the payload, with their greatest lengths."""

    fields: frozenset[str]
    payload_name: str = "payload"
    required: tuple[str, ...] = ()
    merged_texts: tuple[tuple[str, int], ...] = ()


CALL_SHAPES: Final[dict[EventKind, CallShape]] = {
    "track": CallShape(_COMMON | {"event_type", "payload"}),
    "identify": CallShape(_COMMON | {"traits"}, payload_name="traits"),
    "page": CallShape(_COMMON | {"name", "payload"}, merged_texts=(("name", MAX_NAME_CHARS),)),
    "screen": CallShape(_COMMON | {"name", "payload"}, merged_texts=(("name", MAX_NAME_CHARS),)),
    "group": CallShape(
        _COMMON | {"group_id", "traits"},
        payload_name="traits",
        required=("group_id",),
        merged_texts=(("group_id", MAX_PROFILE_ID_CHARS),),
    ),
    "alias": CallShape(
        _COMMON | {"previous_id"},
        required=("user_id", "previous_id"),
        merged_texts=(("previous_id", MAX_PROFILE_ID_CHARS),),
    ),
}


ITEM_SHAPES: Final[dict[EventKind, CallShape]] = {
    kind: replace(shape, fields=shape.fields | {"type"}) for kind, shape in CALL_SHAPES.items()
}

IMPORT_SHAPES: Final[dict[EventKind, CallShape]] = {
    kind: replace(shape, fields=shape.fields - {"sent_at"}, required=("message_id", "timestamp", *shape.required))
    for kind, shape in ITEM_SHAPES.items()
}
"""An imported event has its whole identity, which no clock corrects, so importing it again changes nothing."""


class EventTime(NamedTuple):
    """The time of an event: what its row gets, what the client said ('' if nothing), and whether it must be remembered."""

    stored: str
    client: str
    memory: Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class RowBuilder:
    """Builds the rows of the events of one request. `skew` is that of its `sent_at`, None without one."""

    tenant_id: int
    span: TimestampRange
    ids: Ids
    idempotency_key: str | None
    skew: ClockSkew | None = None
    content: int | None = None
    """The digest from which message ids are made, see `content_digest`; None if they are not."""
    compares: bool = True
    """Whether events with message ids of their sender are compared with their first delivery."""
    hints: Hints = field(default_factory=Hints)
    joins: bool = False
    """Whether the sender's events join their ids."""

    def row(
        self, call: Any, kind: EventKind, index: int, shapes: Mapping[EventKind, CallShape] = CALL_SHAPES
    ) -> tuple[Row, EventTime]:
        """Return the row of one event, and its time. Raises EventRefused for the first rule that the event breaks.

        Pass ITEM_SHAPES for a call in a batch, which has a field `type`, and IMPORT_SHAPES for one in an import.
        """
        shape = shapes[kind]
        _check_fields(call, shape, self.hints)
        user_id = _text(call, "user_id", MAX_PROFILE_ID_CHARS)
        anonymous_id = _anonymous_id(call, kind)
        if not user_id and not anonymous_id:
            raise EventRefused("user_id", "missing", "`user_id` or `anonymous_id` must be present")
        stored_kind, event_type = _stored_as(call, kind)
        message_id = _text(call, "message_id", MAX_MESSAGE_ID_CHARS)
        if not message_id and self.content is not None:
            message_id = content_message_id(self.content, index)
        time = self._time(call, message_id)
        payload = _object(call, shape.payload_name)
        removed = [key for key, value in payload.items() if value is None] if stored_kind == "identify" else []
        for name, max_chars in shape.merged_texts:
            if name in call:
                payload = {**payload, name: _text(call, name, max_chars)}
        row = {
            "tenant_id": self.tenant_id,
            "kind": stored_kind,
            "event_type": event_type,
            "user_id": user_id,
            "anonymous_id": anonymous_id,
            "message_id": message_id or self._own_message_id(index),
            "timestamp": time.stored,
            "received_at": self.span.received_at,
            "payload": payload,
            "context": _object(call, "context"),
            "removed": removed,
            "position": index,
        }
        if self.joins and user_id and anonymous_id and user_id != anonymous_id:
            row["joins"] = True
        return dated(row, time.client), time

    def skew_of(self, sent_at: Any) -> ClockSkew:
        """Return the skew that a request's `sent_at` shows. Raises EventRefused."""
        return ClockSkew.between(_instant(sent_at, "sent_at"), self.span.received_at)

    def _time(self, call: dict[str, Any], message_id: str) -> EventTime:
        """Return the time of an event: its own, else the one in its UUIDv7, else the moment of its receipt."""
        skew = self.skew_of(call["sent_at"]) if "sent_at" in call else self.skew
        is_recognised = message_id != "" or self.idempotency_key is not None
        client, path = _client_time(call, message_id)
        if not client:
            return EventTime(self.span.received_at, "", Memory.REQUIRED if is_recognised else Memory.NEEDLESS)
        stored = self.span.check(skew.correct(client) if skew else client, path)
        if is_recognised and skew is not None and (skew.is_unsure or self.idempotency_key is not None):
            return EventTime(stored, client, Memory.REQUIRED)
        # A UUIDv7 is noted too if there is `sent_at`: another attempt may have another skew, and ask for the first time.
        is_compared = self.compares and message_id != "" and (skew is not None or not _is_uuid7(message_id))
        return EventTime(stored, client, Memory.COMPARED if is_compared else Memory.NEEDLESS)

    def _own_message_id(self, index: int) -> str:
        if self.idempotency_key is None:
            return self.ids.uuid7()
        return message_id_from(self.tenant_id, self.idempotency_key, index)


def _client_time(call: dict[str, Any], message_id: str) -> tuple[str, str]:
    """Return the time by the client's clock, '' if there is none, and the field that has it."""
    if "occurred_at" in call:
        return _occurred_at(call), "occurred_at"
    if "timestamp" in call:
        return _instant(call["timestamp"], "timestamp"), "timestamp"
    made_at = uuid7_time(message_id) if message_id else None
    return (warehouse_text(made_at) if made_at else ""), "message_id"


def _occurred_at(call: dict[str, Any]) -> str:
    """Return the time in `occurred_at`. Raises EventRefused if `timestamp` is another one."""
    instant = _instant(call["occurred_at"], "occurred_at")
    if "timestamp" in call and _instant(call["timestamp"], "timestamp") != instant:
        raise EventRefused(
            "occurred_at", "conflicting-times", "must be the same instant as `timestamp`: send one of them"
        )
    return instant


def _is_uuid7(message_id: str) -> bool:
    """Return whether the id has the form of a UUIDv7. Parsing it would take longer than the rest of the validation."""
    return len(message_id) == _UUID_CHARS and message_id[_VERSION_AT] == "7"


def _instant(value: Any, path: str) -> str:
    if type(value) is not str:
        raise EventRefused(path, "wrong-type", "must be text: an RFC 3339 time")
    try:
        return from_rfc3339(value)
    except ValueError:
        raise EventRefused(
            path, "invalid-timestamp", "must be an RFC 3339 time with a zone, such as `2026-05-20T12:00:00Z`"
        ) from None


def _check_fields(call: Any, shape: CallShape, hints: Hints) -> None:
    if type(call) is not dict:
        raise EventRefused("", "wrong-type", "must be an object")
    if not call.keys() <= shape.fields:
        raise hints.unknown_fields((name for name in call if name not in shape.fields), shape.fields, "this call")
    for name in shape.required:
        if name not in call and not (name == "timestamp" and "occurred_at" in call):
            raise EventRefused(name, "missing", "must be present")


def _text(call: dict[str, Any], name: str, max_chars: int) -> str:
    """Return the field, or '' if the call does not have it."""
    value = call.get(name)
    if type(value) is str and 0 < len(value) <= max_chars and "\0" not in value and not is_blank(value):
        return value
    if name not in call:
        return ""
    raise _refused_text(value, name, max_chars)


def _refused_text(value: Any, name: str, max_chars: int) -> EventRefused:
    if type(value) is not str:
        return EventRefused(name, "wrong-type", "must be text: leave the field out if there is no value")
    if not 0 < len(value) <= max_chars:
        return EventRefused(name, "wrong-length", f"must be 1 to {max_chars} characters")
    if "\0" in value:
        return EventRefused(name, "nul-character", "must not contain U+0000")
    return EventRefused(name, "blank", "must have a visible character")


def _anonymous_id(call: dict[str, Any], kind: EventKind) -> str:
    """Return the anonymous id of the row. An alias joins the previous id, whatever else the client sends with each call."""
    anonymous_id = _text(call, "anonymous_id", MAX_PROFILE_ID_CHARS)
    return _text(call, "previous_id", MAX_PROFILE_ID_CHARS) if kind == "alias" else anonymous_id


def _stored_as(call: dict[str, Any], kind: EventKind) -> tuple[EventKind, str]:
    """Return the kind and the event type of the row."""
    event_type = _event_type(call) if kind == "track" else RESERVED_EVENT_TYPES[kind]
    if event_type == CONTEXT_IDENTIFIED:
        return "identify", RESERVED_EVENT_TYPES["identify"]
    return kind, event_type


def _event_type(call: dict[str, Any]) -> str:
    name = _text(call, "event_type", MAX_EVENT_TYPE_CHARS)
    if not name:
        raise EventRefused("event_type", "missing", "must be present")
    if name[0] == "$":
        raise EventRefused("event_type", "reserved-name", "must not begin with `$`: such names are reserved")
    if not name.isprintable() and any(ord(char) < 32 or 127 <= ord(char) < 160 for char in name):
        raise EventRefused("event_type", "control-character", "must not contain control characters")
    return name


def _object(call: dict[str, Any], name: str) -> dict[str, Any]:
    value = call.get(name, _EMPTY)
    if type(value) is not dict:
        raise EventRefused(name, "wrong-type", "must be an object: leave the field out if there is no value")
    return value


_EMPTY: Final[dict[str, Any]] = {}
