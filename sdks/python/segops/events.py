"""Events in the form in which they are sent. They are converted to JSON at once, so later changes have no effect."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from segops.options import MAX_EVENT_BYTES, BeforeSend
from segops.reports import Report


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a batch."""

    message_id: str
    line: bytes


class Refused(Exception):
    """The event cannot be sent."""

    def __init__(self, code: str, detail: str, message_id: str) -> None:
        super().__init__(detail)
        self.report = Report(code, detail, (message_id,))


def uuid7(milliseconds: int) -> str:
    """Return a UUID of version 7 (RFC 9562) for the given milliseconds since 1970."""
    random = secrets.randbits(74)
    high, low = random >> 62, random & (2**62 - 1)
    return str(UUID(int=milliseconds << 80 | 7 << 76 | high << 64 | 2 << 62 | low))


def instant(at: datetime) -> str:
    """Format as RFC 3339 in UTC with milliseconds. A time without a zone is local."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def new_event(kind: str, fields: Mapping[str, Any], before_send: BeforeSend | None) -> Event | None:
    """Return the event, with an id and a time unless given; None if `before_send` skips it.

    Raises Refused.
    """
    now_ms = time.time_ns() // 1_000_000
    message_id = str(fields.get("message_id") or uuid7(now_ms))
    event = {name: value for name, value in fields.items() if value is not None}
    event |= {"type": kind, "message_id": message_id}
    try:
        at = event.setdefault("timestamp", datetime.fromtimestamp(now_ms / 1000, UTC))
        event["timestamp"] = instant(at) if isinstance(at, datetime) else at
        changed = _changed(event, before_send, message_id)
        return None if changed is None else Event(message_id, _line(changed, message_id))
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise Refused("invalid-event", f"The event must be convertible to JSON: {error}", message_id) from None


def _changed(event: dict[str, Any], before_send: BeforeSend | None, message_id: str) -> dict[str, Any] | None:
    if before_send is None:
        return event
    try:
        return before_send(event)
    except Exception as error:
        raise Refused("before-send-failed", f"before_send raised {type(error).__name__}", message_id) from error


def _line(event: dict[str, Any], message_id: str) -> bytes:
    if not event.get("user_id") and not event.get("anonymous_id"):
        raise Refused("invalid-event", "The event must have user_id or anonymous_id.", message_id)
    # The id is what makes a repetition harmless; whatever before_send did, it is this one.
    event["message_id"] = message_id
    text = json.dumps(event, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_as_text)
    line = text.encode()
    if len(line) > MAX_EVENT_BYTES:
        detail = f"The event must be at most {MAX_EVENT_BYTES} bytes; it has {len(line)}."
        raise Refused("too-large", detail, message_id)
    return line


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, date | UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
