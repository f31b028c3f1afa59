"""From a caller's event to its row: validated by hand, because a model per event costs ten times as much.

`api/models.py` says the same in pydantic for the documentation; a property test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from segops_common.contracts.events import RESERVED_EVENT_TYPES, EventKind
from segops_common.core.ids import Ids, message_id_from, uuid7_time
from segops_ingest.domain.instants import TimestampRange, from_rfc3339, warehouse_text
from segops_ingest.domain.limits import (
    MAX_EVENT_TYPE_CHARS,
    MAX_MESSAGE_ID_CHARS,
    MAX_NAME_CHARS,
    MAX_PROFILE_ID_CHARS,
)
from segops_ingest.domain.refusal import EventRefused, quoted

Row = dict[str, Any]
"""A row in the form of contracts.events.EventRow; its `timestamp` is '' while only the stamp memory knows it."""

_COMMON: Final = frozenset({"user_id", "anonymous_id", "message_id", "timestamp", "context"})


@dataclass(frozen=True, slots=True)
class CallShape:
    """What a kind of call is made of: all its fields, its object, and the texts that are stored beside that object."""

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
    kind: replace(form, fields=form.fields | {"type"}) for kind, form in CALL_SHAPES.items()
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RowBuilder:
    """The circumstances that all events of one request share."""

    tenant_id: int
    span: TimestampRange
    ids: Ids
    idempotency_key: str | None

    def row(self, call: Any, kind: EventKind, index: int, forms: Mapping[EventKind, CallShape] = CALL_SHAPES) -> Row:
        """The row of one event; EventRefused names the first rule it breaks.

        `forms` is ITEM_SHAPES for a call in a batch, which names its kind itself.
        """
        form = forms[kind]
        _check_fields(call, form)
        user_id = _text(call, "user_id", MAX_PROFILE_ID_CHARS)
        anonymous_id = _text(call, "anonymous_id", MAX_PROFILE_ID_CHARS)
        if not user_id and not anonymous_id:
            raise EventRefused("user_id", "missing", "user_id or anonymous_id is required")
        event_type = _event_type(call) if kind == "track" else RESERVED_EVENT_TYPES[kind]
        message_id, timestamp = self._identity(call, index)
        payload = _object(call, form.payload_name)
        removed = [key for key, value in payload.items() if value is None] if kind == "identify" else []
        for name, longest in form.merged_texts:
            if name in call:
                payload = {**payload, name: _text(call, name, longest)}
        return {
            "tenant_id": self.tenant_id,
            "kind": kind,
            "event_type": event_type,
            "user_id": user_id,
            "anonymous_id": anonymous_id,
            "message_id": message_id,
            "timestamp": timestamp,
            "received_at": self.span.received_at,
            "payload": payload,
            "context": _object(call, "context"),
            "removed": removed,
        }

    def _identity(self, call: dict[str, Any], index: int) -> tuple[str, str]:
        """The message id, and the instant that a retry of the same message will have too ('' when none is known yet)."""
        message_id = _text(call, "message_id", MAX_MESSAGE_ID_CHARS)
        if "timestamp" in call:
            return message_id or self._own_message_id(index), self._timestamp(call["timestamp"])
        if message_id:
            made_at = uuid7_time(message_id)
            return message_id, self.span.checked(warehouse_text(made_at), "message_id") if made_at else ""
        return self._own_message_id(index), "" if self.idempotency_key is not None else self.span.received_at

    def _own_message_id(self, index: int) -> str:
        if self.idempotency_key is None:
            return self.ids.uuid7()
        return message_id_from(self.tenant_id, self.idempotency_key, index)

    def _timestamp(self, value: Any) -> str:
        if type(value) is not str:
            raise EventRefused("timestamp", "wrong-type", "must be text, an RFC 3339 instant")
        try:
            instant = from_rfc3339(value)
        except ValueError:
            raise EventRefused("timestamp", "invalid-timestamp", "must be an RFC 3339 instant with its zone") from None
        return self.span.checked(instant, "timestamp")


def _check_fields(call: Any, form: CallShape) -> None:
    if type(call) is not dict:
        raise EventRefused("", "wrong-type", "an event must be an object")
    if not call.keys() <= form.fields:
        unknown = min(call.keys() - form.fields)
        raise EventRefused(unknown, "unknown-field", f"there is no field {quoted(unknown)} in this call")
    for name in form.required:
        if name not in call:
            raise EventRefused(name, "missing", "is required")


def _text(call: dict[str, Any], name: str, longest: int) -> str:
    """The field, or '' when the call has none."""
    value = call.get(name)
    if type(value) is str and 0 < len(value) <= longest and "\0" not in value and not value.isspace():
        return value
    if name not in call:
        return ""
    raise _refused_text(value, name, longest)


def _refused_text(value: Any, name: str, longest: int) -> EventRefused:
    if type(value) is not str:
        return EventRefused(name, "wrong-type", "must be text; leave the field out when there is none")
    if not 0 < len(value) <= longest:
        return EventRefused(name, "wrong-length", f"must have 1 to {longest} characters")
    if "\0" in value:
        return EventRefused(name, "nul-character", "text may not contain U+0000")
    return EventRefused(name, "blank", "may not be blank")


def _event_type(call: dict[str, Any]) -> str:
    name = _text(call, "event_type", MAX_EVENT_TYPE_CHARS)
    if not name:
        raise EventRefused("event_type", "missing", "is required")
    if name[0] == "$":
        raise EventRefused("event_type", "reserved-name", "names that begin with '$' are reserved")
    if not name.isprintable() and any(ord(char) < 32 or 127 <= ord(char) < 160 for char in name):
        raise EventRefused("event_type", "control-character", "may not contain control characters")
    return name


def _object(call: dict[str, Any], name: str) -> dict[str, Any]:
    value = call.get(name, _EMPTY)
    if type(value) is not dict:
        raise EventRefused(name, "wrong-type", "must be an object; leave the field out when there is none")
    return value


_EMPTY: Final[dict[str, Any]] = {}
