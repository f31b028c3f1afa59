"""How SDKs write a batch: our SDKs, and the SDKs of the products that they are compared with."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

_MOST_SKEW: Final = timedelta(seconds=60)
"""The times of clients whose clock differs by more are corrected."""


@dataclass(frozen=True, slots=True)
class Item:
    """An event as far as it matters here."""

    message_id: str
    """'' when it has none."""
    n: int | None
    """The number that the driver gave it; None for events that an SDK makes by itself."""
    at: datetime | None = None
    """Its time, corrected by the server as the product does; None when it has none."""
    position: int = 0
    """Its index in the request, which orders events of one time."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """Where a product's batches have their events, and what its SDK takes for success."""

    items: str
    message_id: str
    properties: str
    success: int
    answer: Callable[[Sequence[Item], Sequence[int]], dict[str, Any]]

    def read(self, body: Any, received: datetime) -> list[Item]:
        """The events of a parsed body. Raises ValueError when it is no batch."""
        events = body.get(self.items) if isinstance(body, dict) else None
        if not isinstance(events, list):
            raise ValueError(f"no list of events in the field {self.items}")
        skew = received - datetime.fromisoformat(body.get("sent_at") or received.isoformat())
        correction = skew if abs(skew) > _MOST_SKEW else timedelta()
        return [self._item(event, correction, position) for position, event in enumerate(events)]

    def _item(self, event: dict[str, Any], skew: timedelta, position: int) -> Item:
        said = event.get("timestamp") if self.success == OURS.success else None
        at = None if said is None else datetime.fromisoformat(said) + skew
        properties = event.get(self.properties)
        n = properties.get("n") if isinstance(properties, dict) else None
        return Item(str(event.get(self.message_id) or ""), n if type(n) is int else None, at, position)


def _ours(items: Sequence[Item], refused: Sequence[int]) -> dict[str, Any]:
    errors = [{"index": index, "code": "refused", "detail": "payload: not wanted"} for index in refused]
    kept = [item.message_id for index, item in enumerate(items) if index not in refused]
    return {"status": "accepted", "accepted": len(kept), "duplicates": 0, "message_ids": kept, "errors": errors}


OURS: Final = Dialect("batch", "message_id", "payload", 202, _ours)
_POSTHOG: Final = Dialect("batch", "uuid", "properties", 200, lambda *_: {"status": 1})
_SEGMENT: Final = Dialect("batch", "messageId", "properties", 200, lambda *_: {"success": True})
_AMPLITUDE: Final = Dialect("events", "insert_id", "event_properties", 200, lambda items, _: {"code": 200})
_BY_PATH: Final = {
    "/api/ingestion/batch": OURS,
    "/batch": _POSTHOG,
    "/v1/batch": _SEGMENT,
    "/2/httpapi": _AMPLITUDE,
}


def dialect_at(path: str) -> Dialect | None:
    """The dialect that is spoken at a path below the run's; None where nobody listens."""
    return _BY_PATH.get(path.rstrip("/"))


def problem(status: int, errors: Sequence[dict[str, str]] = ()) -> bytes:
    """A problem document as the product answers."""
    kind = {413: "payload-too-large", 415: "unsupported-media-type", 429: "rate-limited"}.get(status, "refused")
    body = {"type": f"https://segops.dev/problems/{kind}", "title": kind, "status": status, "errors": list(errors)}
    return json.dumps(body).encode()
