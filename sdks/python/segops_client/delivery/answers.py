"""What a response means for the events of its request."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from segops_client.delivery.stamps import parsed_date

_BATCH_PATH = re.compile(r"batch[.\[](\d+)\]?\.?")
_ALL_BAD = "/no-valid-event"


@dataclass(frozen=True)
class Refusal:
    """Why the server refused an event; the detail begins with the path of the field."""

    code: str
    detail: str


@dataclass(frozen=True)
class Answer:
    """A response; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def stored(self) -> bool:
        """True if all events are stored, except those in `refusals`."""
        return 200 <= self.status < 300

    def refusals(self, events: int) -> dict[int, Refusal]:
        """Refused events by their index in the batch; empty if the problem names none."""
        parsed = self._parsed()
        named = dict(_named(parsed, events))
        if str(parsed.get("type", "")).endswith(_ALL_BAD):
            return dict.fromkeys(range(events), Refusal("no-valid-event", self.detail)) | named
        return named

    @property
    def detail(self) -> str:
        """What the server says about the request as a whole."""
        return str(self._parsed().get("detail") or f"The server answered {self.status}.")

    @property
    def date(self) -> str:
        """When the server answered, as an HTTP date; empty if it does not say."""
        return self.headers.get("date", "")

    def retry_after_s(self, now: datetime) -> float:
        """Seconds to wait before the next request; 0 if the server does not say."""
        said = self.headers.get("retry-after", "").strip()
        if said.isascii() and said.isdigit():
            return float(said)
        at = parsed_date(said)
        # Both dates are of the server's clock, whatever this machine's clock says.
        return 0.0 if at is None else max(0.0, (at - (parsed_date(self.date) or now)).total_seconds())

    def _parsed(self) -> dict[str, Any]:
        try:
            parsed = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return parsed if isinstance(parsed, dict) else {}


def _named(parsed: Mapping[str, Any], events: int) -> Iterator[tuple[int, Refusal]]:
    errors = parsed.get("errors")
    for error in errors if isinstance(errors, list) else ():
        index = _index(error) if isinstance(error, dict) else None
        if index is not None and index < events:
            yield index, Refusal(str(error.get("code", "refused")), _detail(error))


def _detail(error: Mapping[str, Any]) -> str:
    path = _BATCH_PATH.sub("", str(error.get("path", "")), count=1)
    return ": ".join(filter(None, (path, str(error.get("detail", "")))))


def _index(error: Mapping[str, Any]) -> int | None:
    if type(error.get("index")) is int and error["index"] >= 0:
        return int(error["index"])
    match = _BATCH_PATH.match(str(error.get("path", "")))
    return int(match[1]) if match else None
