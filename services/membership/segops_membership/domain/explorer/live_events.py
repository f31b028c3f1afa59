"""Live events: where a stream is in the partitions of the log, and which events it sends."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from segops_common.contracts.events import EventRow
from segops_membership.domain.explorer.records import EventFilter

_TOKEN: Final = re.compile(r"[0-9]{1,19}(~[0-9]{1,9})?")
_MAX_OFFSET: Final = 2**63 - 1
Place = tuple[int, int]
"""The next to send of a partition: an offset, and the index of the line in its record."""


@dataclass(frozen=True, slots=True)
class StreamPosition:
    """What a stream sends next, by partition."""

    places: tuple[Place, ...]

    @classmethod
    def of_token(cls, token: str, partitions: int) -> StreamPosition | None:
        """Return the position that a token stands for; None unless it is one of a log with so many partitions."""
        parts = token.split(".")
        if len(parts) != partitions or not all(_TOKEN.fullmatch(part) for part in parts):
            return None
        places = [part.partition("~") for part in parts]
        if any(int(offset) > _MAX_OFFSET for offset, _, _ in places):
            return None
        return cls(tuple((int(offset), int(index or 0)) for offset, _, index in places))

    @property
    def token(self) -> str:
        """The position as text, which goes on as the id of a server-sent event."""
        return ".".join(f"{offset}~{index}" if index else str(offset) for offset, index in self.places)

    def advanced(self, offsets: Mapping[int, int]) -> StreamPosition:
        """Return the position at which nothing before these offsets, given by partition, is left to send."""
        places = (max(place, (offsets.get(partition, 0), 0)) for partition, place in enumerate(self.places))
        return StreamPosition(tuple(places))

    def at(self, partition: int, place: Place) -> StreamPosition:
        """Return the position with another place in one partition."""
        return StreamPosition((*self.places[:partition], place, *self.places[partition + 1 :]))


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """An event of the log. `stored` says whether the warehouse has it."""

    partition: int
    offset: int
    index: int
    row: EventRow
    stored: bool

    @property
    def next(self) -> Place:
        """The place after this event."""
        return self.offset, self.index + 1


def instant_of_row(time: str) -> datetime:
    """Return the instant of a time as rows of events have it."""
    return datetime.fromisoformat(time).replace(tzinfo=UTC)


def accepts(events: EventFilter, event: EventRow, timestamp_ms: int, payload: str) -> bool:
    """Return whether a filter accepts an event, given its time and the JSON of its payload."""
    return (
        events.event_type in (None, event.event_type)
        and events.user_id in (None, event.profile_id)
        and (events.since_ms is None or timestamp_ms >= events.since_ms)
        and (events.until_ms is None or timestamp_ms < events.until_ms)
        and events.text.lower() in payload.lower()
    )
