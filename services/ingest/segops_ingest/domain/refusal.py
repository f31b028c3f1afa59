"""Why one event was not accepted."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice
from typing import Final, Literal

Code = Literal[
    "missing",
    "unknown-field",
    "wrong-type",
    "wrong-length",
    "blank",
    "control-character",
    "nul-character",
    "reserved-name",
    "empty-key",
    "reserved-key",
    "too-complex",
    "event-too-large",
    "invalid-timestamp",
    "timestamp-out-of-range",
]

MAX_QUOTED_CHARS = 64
MAX_PATH_CHARS = 200


MAX_UNKNOWN_FIELDS: Final = 20
"""Unknown fields that are named. A hostile body may have very many."""

_SEGMENT_NAMES: Final = {
    "userId": "user_id",
    "anonymousId": "anonymous_id",
    "messageId": "message_id",
    "sentAt": "sent_at",
    "event": "event_type",
    "properties": "payload",
    "traits": "payload",
    "payload": "traits",
    "groupId": "group_id",
    "previousId": "previous_id",
    "originalTimestamp": "timestamp",
}
"""Names in calls of Segment's libraries, and ours for them."""


class EventRefused(Exception):
    """An event breaks a rule. `path` leads to the value within the event; it is '' for the event itself.

    `more` are further refusals of the same event.
    """

    def __init__(self, path: str, code: Code, detail: str, *, more: Iterable[EventRefused] = ()) -> None:
        self.path = _cut(path, MAX_PATH_CHARS)
        self.more = tuple(more)
        own = f"{self.path}: {detail}" if path else detail
        super().__init__("; ".join([own, *(str(refusal) for refusal in self.more)]))
        self.code = code
        self.detail = detail


def unknown_fields(names: Iterable[str], allowed: Iterable[str], owner: str) -> EventRefused:
    """Return the refusal of all these fields; `owner` is what does not have them. There must be at least one."""
    fields = sorted(allowed)
    first, *more = [
        EventRefused(
            name, "unknown-field", f"must be left out: {owner} has no field {quoted(name)}{_hint(name, fields)}"
        )
        for name in sorted(islice(names, MAX_UNKNOWN_FIELDS))
    ]
    return EventRefused(first.path, first.code, first.detail, more=more)


def _hint(name: str, fields: list[str]) -> str:
    meant = _SEGMENT_NAMES.get(name)
    if meant not in fields:
        meant = next(iter(get_close_matches(name[:MAX_QUOTED_CHARS].lower(), fields, n=1, cutoff=0.7)), None)
    return f". Did you mean `{meant}`?" if meant else ""


def quoted(name: str) -> str:
    """Quote a name that the caller sent, cut so that a hostile body is never repeated."""
    return f"'{_cut(name, MAX_QUOTED_CHARS)}'"


def _cut(text: str, max_chars: int) -> str:
    return text if len(text) <= max_chars else f"{text[:max_chars]}…"
