"""Events in the form in which they are sent. They are converted to JSON at once, so later changes have no effect."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timezone
from typing import Any
from uuid import UUID

from segops_client.delivery.json_faults import find_fault
from segops_client.delivery.stamps import Stamps
from segops_client.options import MAX_EVENT_BYTES, BeforeSend
from segops_client.reports import Report

_HEAD = b'{"timestamp":"'


@dataclass(frozen=True)
class QueuedEvent:
    """One line of a batch.

    `at_ms` is the time by this machine's clock, as long as it is not corrected. It is None if the caller gave a time.
    Until a batch is assembled, it is the time of the call.
    """

    message_id: str
    line: bytes
    at_ms: int | None = None

    def timed(self, at_ms: int, ahead_ms: int | None) -> QueuedEvent:
        """Return the event with another time, by the server's clock if it is known to be `ahead_ms` ahead."""
        at = _instant_of(at_ms + (ahead_ms or 0)).encode()
        line = _HEAD + at + self.line[len(_HEAD) + len(at) :]
        return replace(self, line=line, at_ms=at_ms if ahead_ms is None else None)


class Refused(Exception):
    """The event cannot be sent."""

    def __init__(self, code: str, detail: str, message_id: str) -> None:
        super().__init__(detail)
        self.report = Report(code, detail, (message_id,))


def refused(detail: str, message_id: object, stamps: Stamps) -> Refused:
    """Return the refusal of an event that is no event."""
    own_id = stamps.message_id(time.time_ns() // 1_000_000)
    return Refused("invalid-event", detail, str(message_id or own_id))


def instant(at: datetime) -> str:
    """Format as RFC 3339 in UTC with milliseconds. A time without a zone is local."""
    return at.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def new_event(
    kind: str, fields: Mapping[str, Any], before_send: BeforeSend | None, stamps: Stamps
) -> QueuedEvent | None:
    """Return the event, with an id and a time unless given; None if `before_send` skips it.

    Raises Refused.
    """
    now_ms = time.time_ns() // 1_000_000
    message_id = str(fields.get("message_id") or stamps.message_id(now_ms))
    values = {name: value for name, value in fields.items() if value is not None}
    try:
        own_time = None if "occurred_at" in values else _instant_of(now_ms)
        at = values.pop("occurred_at", own_time)
        if not isinstance(at, (datetime, str)):
            raise Refused(
                "invalid-event", f"occurred_at: must be a datetime or text, not {type(at).__name__}", message_id
            )
        # The time comes first, so that it can be found in the text.
        event = {"timestamp": instant(at) if isinstance(at, datetime) else at, **values}
        changed = _changed(event | {"type": kind, "message_id": message_id}, before_send, message_id)
        if changed is None:
            return None
        line = _line(changed, message_id)
        is_own = own_time is not None and line.startswith(_HEAD + own_time.encode())
        return QueuedEvent(message_id, line, now_ms if is_own else None)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise Refused("invalid-event", f"The event must be convertible to JSON: {error}", message_id) from None


def _instant_of(milliseconds: int) -> str:
    return instant(
        datetime.fromtimestamp(milliseconds // 1000, timezone.utc).replace(microsecond=milliseconds % 1000 * 1000)
    )


def _changed(event: dict[str, Any], before_send: BeforeSend | None, message_id: str) -> dict[str, Any] | None:
    if before_send is None:
        return event
    try:
        return before_send(event)
    except Exception as error:
        raise Refused("before-send-failed", f"before_send raised {type(error).__name__}", message_id) from error


def _line(event: dict[str, Any], message_id: str) -> bytes:
    if not event.get("user_id") and not event.get("anonymous_id"):
        raise Refused("invalid-event", "user_id: `user_id` or `anonymous_id` must be present", message_id)
    # The id is what makes a repetition harmless; whatever before_send did, it is this one.
    event["message_id"] = message_id
    try:
        text = json.dumps(event, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_as_text)
        line = text.encode()
    except (ValueError, TypeError, RecursionError):
        fault = find_fault(event, _as_text)
        if fault is None:
            raise
        raise Refused("invalid-event", fault, message_id) from None
    if len(line) > MAX_EVENT_BYTES:
        detail = f"The event must be at most {MAX_EVENT_BYTES} bytes; it has {len(line)}."
        raise Refused("too-large", detail, message_id)
    return line


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, (date, UUID)):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
