"""The identity of an event: tenant, profile, event type, message id and time.

An event counts once, however often it is delivered. The first accepted delivery stands; a later one with other content
conflicts with it. The time belongs to the identity, so each retry must get the same one: where it depends on the moment
of a request, the first is remembered.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from hashlib import blake2b
from typing import Any, Final

import orjson

Row = dict[str, Any]
"""A row as in `contracts.events.EventRow`."""

_NOT_CONTENT: Final = frozenset(
    {"tenant_id", "event_type", "message_id", "timestamp", "received_at", "position", "original_timestamp", "joins"}
)
_KEY_BYTES: Final = 16
_CONTENT_BYTES: Final = 8


class Memory(Enum):
    """What the memory of deliveries is needed for."""

    NEEDLESS = "needless"
    """The time is the same in every delivery, or no delivery can be recognised."""
    COMPARED = "compared"
    """This delivery has the client's time. Its content is compared, and its time is noted for one with another skew."""
    REQUIRED = "required"
    """The time depends on the moment of the request: only the memory gives a retry the same."""


@dataclass(slots=True)
class Delivery:
    """An event as one request delivers it. `client_time` is what the sender says, '' if nothing.

    It is never changed, but not frozen: that would take a microsecond for each event.
    """

    index: int
    row: Row
    text: bytes
    client_time: str
    memory: Memory
    conflicting: bool = False
    """Whether an earlier request delivered the event with other content."""
    payload_name: str = "payload"
    """What the sender calls the payload."""
    is_quarantined: bool = False
    """Whether the event violates the schema of its type and is kept as a dead letter, which is no first content."""

    @property
    def identity(self) -> tuple[str, ...]:
        """What makes the event one, within its tenant."""
        row = self.row
        return row["user_id"] or row["anonymous_id"], row["event_type"], row["message_id"], row["timestamp"]

    def key(self) -> str:
        """Return a hash of the identity with the client's time, which is the same in every delivery."""
        parts = (*self.identity[:3], self.client_time)
        return blake2b("\0".join(parts).encode(), digest_size=_KEY_BYTES).hexdigest()

    def content(self) -> str:
        """Return a hash of what the event says, besides its identity."""
        said = {name: value for name, value in self.row.items() if name not in _NOT_CONTENT}
        return blake2b(orjson.dumps(said, option=orjson.OPT_SORT_KEYS), digest_size=_CONTENT_BYTES).hexdigest()

    def at(self, timestamp: str) -> Delivery:
        """Return the delivery with the time that the first one got."""
        if timestamp == self.row["timestamp"]:
            return self
        row = dated({**self.row, "timestamp": timestamp}, self.client_time)
        return replace(self, row=row, text=orjson.dumps(row))


def dated(row: Row, client_time: str) -> Row:
    """Keep the client's time in the row, if the row has another one."""
    if client_time and client_time != row["timestamp"]:
        row["original_timestamp"] = client_time
    else:
        row.pop("original_timestamp", None)
    return row


def digest_of(deliveries: Iterable[Delivery]) -> str:
    """Return a hash of all that a request says, which is the same when it is sent again."""
    digest = blake2b(digest_size=_KEY_BYTES)
    for delivery in deliveries:
        digest.update(f"{delivery.key()} {delivery.content()}\n".encode())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Distinct:
    """The events of a request, each once: the first delivery of each identity, and the indices of conflicting ones."""

    first: tuple[Delivery, ...]
    conflicting: tuple[int, ...]


def distinct(deliveries: Iterable[Delivery]) -> Distinct:
    """Drop repetitions of an event within a request."""
    first: dict[tuple[str, ...], Delivery] = {}
    conflicting: list[int] = []
    for delivery in deliveries:
        kept = first.setdefault(delivery.identity, delivery)
        if delivery.conflicting or (kept is not delivery and kept.content() != delivery.content()):
            conflicting.append(delivery.index)
    return Distinct(tuple(first.values()), tuple(conflicting))
