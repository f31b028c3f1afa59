"""Why one event was not accepted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
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
    "conflicting-times",
    "missing-property",
    "wrong-property-type",
    "user-erased",
]

MAX_QUOTED_CHARS = 64
MAX_PATH_CHARS = 200


MAX_UNKNOWN_FIELDS: Final = 20
"""Unknown fields that are named. A hostile body may have very many."""

MAX_SEARCHES: Final = 50
MAX_TEXT_CHARS: Final = 2000
_SEPARATORS: Final = re.compile(r"[\W_]+")

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

    `more` are further refusals of the same event. `event_type` is '' unless the schema of that type refuses the event.
    """

    def __init__(
        self, path: str, code: Code, detail: str, *, more: Iterable[EventRefused] = (), event_type: str = ""
    ) -> None:
        self.path = _cut(path, MAX_PATH_CHARS)
        self.more = tuple(more)
        self.event_type = event_type
        super().__init__(f"{self.path}: {detail}" if path else detail)
        self.code = code
        self.detail = detail

    @property
    def whole_detail(self) -> str:
        """The detail, followed by each refusal of `more` with its path."""
        return _cut("; ".join([self.detail, *(str(refusal) for refusal in self.more)]), MAX_TEXT_CHARS)


class Hints:
    """Finds what was meant by unknown names. In a request, near spellings are searched for a bounded number of names: a
    search takes up to a millisecond."""

    def __init__(self, searches: int = MAX_SEARCHES) -> None:
        self._searches = searches

    def unknown_fields(self, names: Iterable[str], allowed: Iterable[str], owner: str) -> EventRefused:
        """Return the refusal of all these fields; `owner` is what does not have them. There must be at least one."""
        fields = sorted(allowed)
        first, *more = [
            EventRefused(
                name,
                "unknown-field",
                f"must be left out: {owner} has no field {quoted(name)}{self._hint(name, fields)}",
            )
            for name in sorted(islice(names, MAX_UNKNOWN_FIELDS))
        ]
        return EventRefused(first.path, first.code, first.detail, more=more)

    def _hint(self, name: str, fields: Sequence[str]) -> str:
        meant = _SEGMENT_NAMES.get(name)
        if meant not in fields:
            meant = _same_word(name, fields) or self._near_spelling(name, fields)
        return f". Did you mean `{meant}`?" if meant else ""

    def _near_spelling(self, name: str, fields: Sequence[str]) -> str | None:
        if self._searches == 0:
            return None
        self._searches -= 1
        return next(iter(get_close_matches(name[:MAX_QUOTED_CHARS].lower(), fields, n=1, cutoff=0.7)), None)


def _same_word(name: str, fields: Sequence[str]) -> str | None:
    """Return the field that differs only in case and in the characters between words."""
    letters = _SEPARATORS.sub("", name[:MAX_QUOTED_CHARS]).lower()
    return next((field for field in fields if field.replace("_", "") == letters), None)


def quoted(name: str) -> str:
    """Quote a name that the caller sent, cut so that a hostile body is never repeated."""
    return f"'{_cut(name, MAX_QUOTED_CHARS)}'"


def _cut(text: str, max_chars: int) -> str:
    return text if len(text) <= max_chars else f"{text[:max_chars]}…"
