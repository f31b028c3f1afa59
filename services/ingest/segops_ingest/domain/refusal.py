"""Why one event was not accepted."""

from __future__ import annotations

from typing import Literal

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


class EventRefused(Exception):
    """An event breaks a rule. `path` leads to the value within the event; it is '' for the event itself."""

    def __init__(self, path: str, code: Code, detail: str) -> None:
        self.path = _cut(path, MAX_PATH_CHARS)
        super().__init__(f"{self.path}: {detail}" if path else detail)
        self.code = code
        self.detail = detail


def quoted(name: str) -> str:
    """Quote a name that the caller sent, cut so that a hostile body is never repeated."""
    return f"'{_cut(name, MAX_QUOTED_CHARS)}'"


def _cut(text: str, max_chars: int) -> str:
    return text if len(text) <= max_chars else f"{text[:max_chars]}…"
