"""Consumers of a tenant's changes: a reader page by page, and receivers of webhooks that fail, answer late and repeat."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, Protocol

from tests.e2e.people import Person
from tests.e2e.receivers import activated, listening
from tests.faults.receiving import Receiver, folded

MOODS: Final = ("good",) * 8 + ("fails", "cuts", "twice") * 2 + ("late",)
LATE_S: Final = 11.0
"""A receiver has 10 seconds."""
_PAUSE_S: Final = 0.5
_PAGE: Final = 40
_EVERY: Final = ("segment.recomputed", "segment.entered", "segment.exited")


class Caller(Protocol):
    """Sends a request of the tenant; returns None when it was refused for the moment."""

    async def __call__(self, method: str, path: str, **request: Any) -> Mapping[str, Any] | None: ...


@dataclass(slots=True)
class Reader:
    """Folds the pages of `GET /api/segments/changes/` into the members of each segment."""

    call: Caller
    cursor: str = ""
    members: defaultdict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    stops: list[tuple[str, dict[int, frozenset[str]]]] = field(default_factory=list)
    """Each cursor with the members at it."""
    changes: int = 0
    wrong: list[str] = field(default_factory=list)

    async def read_again_and_again(self) -> None:
        """Follow the changes until cancelled."""
        while True:
            if not await self.read_page():
                await asyncio.sleep(_PAUSE_S)

    async def read_page(self) -> bool:
        """Apply the next page. Returns whether there are more now."""
        parameters = {"limit": str(_PAGE), **({"cursor": self.cursor} if self.cursor else {})}
        page = await self.call("GET", "/api/segments/changes/", params=parameters)
        if page is None:
            return False
        for change in page["results"]:
            self._apply(change)
        self.cursor = page["next_cursor"]
        self.stops.append((self.cursor, {segment: frozenset(users) for segment, users in self.members.items()}))
        return page["next"] is not None

    def _apply(self, change: Mapping[str, Any]) -> None:
        members, user = self.members[change["segment_id"]], change["user_id"]
        if (user in members) is not (change["change"] == "exited"):
            self.wrong.append(f"twice: {change}")
        members ^= {user}
        self.changes += 1

    def from_stop(self, stop: tuple[str, dict[int, frozenset[str]]]) -> Reader:
        """Return a reader that goes on at an earlier cursor."""
        cursor, members = stop
        copies = {segment: set(users) for segment, users in members.items()}
        return Reader(self.call, cursor, defaultdict(set, copies))

    async def replays(self, random: Random, number: int) -> list[Reader]:
        """Return readers that have followed from that many earlier cursors, the first one included, to the end."""
        stops = [("", {}), *random.sample(self.stops, min(number, len(self.stops)))]
        readers = [self.from_stop(stop) for stop in stops]
        for reader in readers:
            while reader.cursor != self.cursor:
                await reader.read_page()
        return readers


@dataclass(slots=True)
class Consumers:
    """A reader of all changes, and a receiver for each activated segment."""

    call: Caller
    reader: Reader
    receivers: dict[int, Receiver] = field(default_factory=dict)
    _paths: list[str] = field(default_factory=list)

    @property
    def moods(self) -> Counter[str]:
        """How often receivers answered in which way."""
        return sum((receiver.shown for receiver in self.receivers.values()), Counter[str]())

    @property
    def has_shown_all_moods(self) -> bool:
        """Whether receivers have answered in all ways that they can."""
        return self.moods.keys() >= set(MOODS)

    async def activate(self, person: Person, segment: int, receiver: Receiver) -> None:
        """Send the changes of a segment to a receiver."""
        config = {"url": receiver.url, "events": _EVERY}
        self._paths.append(await activated(person, segment, connector_type="webhook", config=config))
        self.receivers[segment] = receiver

    async def send_again_and_again(self) -> None:
        """Ask for the next try at once, so that minutes of back-off pass in seconds."""
        while True:
            await self._hurry()
            await asyncio.sleep(_PAUSE_S)

    async def until_sent(self, expected: Mapping[int, set[str]]) -> None:
        """Return when every receiver has the members, and the reader has read everything."""
        for receiver in self.receivers.values():
            receiver.is_kind = True
        while await self.reader.read_page() or not self._have(expected):
            await self._hurry()
            await asyncio.sleep(_PAUSE_S)

    async def _hurry(self) -> None:
        for path in self._paths:
            await self.call("POST", f"{path}sync/")

    def _have(self, expected: Mapping[int, set[str]]) -> bool:
        read = all(self.reader.members[segment] == members for segment, members in expected.items())
        return read and all(folded(it.stream) == expected[segment] for segment, it in self.receivers.items())


@asynccontextmanager
async def consuming(person: Person, call: Caller, segments: Iterable[int], random: Random) -> AsyncIterator[Consumers]:
    """Activate the segments, each with a receiver that listens until the block ends."""
    consumers = Consumers(call, Reader(call))
    async with AsyncExitStack() as stack:
        for segment in segments:
            receiver = await stack.enter_async_context(listening(Receiver(random, MOODS, LATE_S)))
            await consumers.activate(person, segment, receiver)
        yield consumers
