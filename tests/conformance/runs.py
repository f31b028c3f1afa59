"""What one client did in one mode: the script's next step for each request, and the count of what was stored."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat
from pathlib import Path
from typing import Any, Final

from tests.conformance.dialects import Item

MODES: Final[Mapping[str, dict[str, Any]]] = json.loads(Path(__file__).with_name("faults.json").read_text())
USERS: Final = 10
"""An event with the number n is of user n modulo this."""
_MOST_OFF: Final = timedelta(hours=1)
"""Far more than a busy machine takes to deliver, and less than clocks differ."""
GRACE_S: Final = 0.05
"""A request may come this much before a Retry-After has passed: clocks and timers are not exact."""


@dataclass(slots=True)
class Run:
    """The state of one run; times are of the monotonic clock."""

    mode: str
    _steps: Iterator[dict[str, Any]] = field(init=False)
    requests: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    retry_after_violations: int = 0
    gzip_requests: int = 0
    max_batch: int = 0
    redelivered: int = 0
    without_id: int = 0
    stored: dict[str, int | None] = field(default_factory=dict)
    places: dict[int, tuple[datetime, int]] = field(default_factory=dict)
    """Time and position, by the number of the event. With the id, they are the order of the product."""
    times_off: int = 0
    refused: set[str] = field(default_factory=set)
    _not_before: float = 0.0

    def __post_init__(self) -> None:
        script = MODES[self.mode]["script"]
        scripted = chain.from_iterable(repeat(step, step.get("times", 1)) for step in script)
        self._steps = chain(scripted, repeat(MODES[self.mode]["then"]))

    def arrives(self, items: Sequence[Item], *, is_gzip: bool) -> dict[str, Any]:
        """Count a request, and say what to do with it."""
        self.requests += 1
        self.retry_after_violations += time.monotonic() < self._not_before - GRACE_S
        self.gzip_requests += is_gzip
        self.max_batch = max(self.max_batch, len(items))
        return next(self._steps)

    def come_back_after(self, seconds: float) -> None:
        """From now on, a request before that is a violation."""
        self._not_before = time.monotonic() + seconds

    def keep(self, items: Sequence[Item]) -> None:
        """Store events as the product does: one with a known message id is the same event."""
        for item in items:
            if not item.message_id:
                self.without_id += 1
            elif item.message_id in self.stored:
                self.redelivered += 1
            else:
                self.stored[item.message_id] = item.n
                self._keep_time(item)

    def now(self) -> datetime:
        """The time by the server's clock, which may differ from the client's."""
        return datetime.now(UTC) + timedelta(seconds=MODES[self.mode].get("clock_s", 0))

    def _keep_time(self, item: Item) -> None:
        if item.n is not None and item.at is not None:
            self.places[item.n] = (item.at, item.position)
            self.times_off += abs(item.at - self.now()) > _MOST_OFF

    def _out_of_order(self) -> int:
        """Return how many events the product does not order after the one before of their user, or have no greater id."""
        ids = {n: message_id for message_id, n in self.stored.items()}
        pairs = ((n, n + USERS) for n in self.places if n + USERS in self.places)
        return sum(not (self.places[n] <= self.places[after] and ids[n] < ids[after]) for n, after in pairs)

    def report(self) -> dict[str, Any]:
        """What `GET /report/<run>` answers."""
        numbers = Counter(n for n in self.stored.values() if n is not None)
        return {
            "mode": self.mode,
            "requests": self.requests,
            "distinct": len(self.stored),
            "duplicates": self.without_id + sum(times - 1 for times in numbers.values()),
            "redelivered": self.redelivered,
            "refused": sorted(self.refused),
            "ns": sorted(numbers),
            "statuses": dict(self.statuses),
            "retry_after_violations": self.retry_after_violations,
            "gzip_requests": self.gzip_requests,
            "max_batch": self.max_batch,
            "times_off": self.times_off,
            "out_of_order": self._out_of_order(),
        }
