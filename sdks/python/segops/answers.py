"""What a response means for the events of its request."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

_BATCH_PATH = re.compile(r"batch[.\[](\d+)")
_ALL_BAD = "/no-valid-event"


@dataclass(frozen=True, slots=True)
class Answer:
    """A response; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def stored(self) -> bool:
        """True if all events are stored, except those in `refusals`."""
        return 200 <= self.status < 300

    def refusals(self, events: int) -> dict[int, str]:
        """Codes of refused events by their index in the batch; empty if the problem names none."""
        parsed = self._parsed()
        if str(parsed.get("type", "")).endswith(_ALL_BAD):
            return dict.fromkeys(range(events), "no-valid-event") | dict(_named(parsed, events))
        return dict(_named(parsed, events))

    def retry_after_s(self, now: datetime) -> float:
        """Seconds to wait before the next request; 0 if the server does not say."""
        said = self.headers.get("retry-after", "").strip()
        if said.isascii() and said.isdigit():
            return float(said)
        try:
            at = parsedate_to_datetime(said)
        except ValueError:
            return 0.0
        return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds())

    def _parsed(self) -> dict[str, Any]:
        try:
            parsed = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return parsed if isinstance(parsed, dict) else {}


def _named(parsed: Mapping[str, Any], events: int) -> Iterator[tuple[int, str]]:
    errors = parsed.get("errors")
    for error in errors if isinstance(errors, list) else ():
        index = _index(error) if isinstance(error, dict) else None
        if index is not None and index < events:
            yield index, str(error.get("code", "refused"))


def _index(error: Mapping[str, Any]) -> int | None:
    if type(error.get("index")) is int and error["index"] >= 0:
        return int(error["index"])
    match = _BATCH_PATH.match(str(error.get("path", "")))
    return int(match[1]) if match else None
