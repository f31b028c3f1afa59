"""Runs sinks that crash and a producer that records what was acknowledged, and compares the warehouse with it."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

from segops_common.core.clock import SystemClock
from segops_common.core.ids import SystemIds
from segops_common.core.problems import Unavailable
from segops_common.stores.clickhouse import ClickHouse
from segops_common.streams.log import EventLog
from segops_ingest.adapters.memory.event_schemas import MemoryEventSchemas
from segops_ingest.ports.event_memory import FirstNote, Note
from segops_ingest.ports.observer import Outcome
from segops_ingest.service.accept_events import Ingest
from tests.shared.fork_server import ForkedProcess, ForkServer

WORKER = Path(__file__).with_name("worker.py")
WORKER_MODULE = "tests.faults.sink.worker"
EVENTS_A_REQUEST = 40
IMPORTED_MONTHS = 120
"""Months of imported events: more than one insert may have."""
TENANT = 7
_LOOK_EVERY_S = 0.3
_QUIET_S = 2.0
"""How long a repeated insert has to appear."""


@dataclass(slots=True)
class Sinks:
    """A few sink processes. One that ends is started again at once, until `stop`.

    Each start crashes at one of the points, in turn, so that all are hit about equally often however slow the machine.
    Starts are forks of a process that has imported the sink: a run consists of crashes, not of imports.
    """

    forks: ForkServer
    log_url: str
    clickhouse_url: str
    crash_points: Sequence[str]
    folder: Path
    number: int = 2
    starts: int = 0
    _running: list[asyncio.Task[None]] = field(default_factory=list)
    _processes: dict[int, ForkedProcess] = field(default_factory=dict)

    def start(self, group: asyncio.TaskGroup) -> None:
        """Keep `number` of them running."""
        self.forks.preload(WORKER_MODULE)
        self._running = [group.create_task(self._keep(index)) for index in range(self.number)]

    async def stop(self) -> None:
        """Terminate all and wait for their end."""
        for task in self._running:
            task.cancel()
        await asyncio.wait(self._running)
        for process in self._processes.values():
            if process.returncode is None:
                process.terminate()
                await process.wait()

    def windows_hit(self) -> Counter[str]:
        """How often each window was hit, and `replays`: batches repeated from a recorded intent."""
        text = "".join(path.read_text() for path in self.folder.glob("sink-*.err"))
        hits = Counter(re.findall(r"crash point (\w+) reached", text))
        hits["replays"] = text.count("repeating the batch")
        return hits

    async def _keep(self, index: int) -> None:
        while True:
            crash_at = self.crash_points[self.starts % len(self.crash_points)]
            self.starts += 1
            with (self.folder / f"sink-{index}.err").open("ab") as errors:
                self._processes[index] = await self.forks.start(
                    str(WORKER), self.log_url, self.clickhouse_url, crash_at, stderr=errors
                )
            await self._processes[index].wait()


class NoMemory:
    """Refuses: the events of a fault run carry their own timestamps, and message ids that need no comparison."""

    async def first(self, tenant_id: int, notes: Sequence[Note]) -> Sequence[FirstNote | None]:
        raise AssertionError(f"{len(notes)} events of tenant {tenant_id} that must be remembered")


class NoObserver:
    """Ignores everything."""

    def received(self, outcome: Outcome) -> None:
        """Ignored."""

    def not_remembered(self, events: int) -> None:
        """Ignored."""


class Producer:
    """Sends events through ingest's use case, repeats unconfirmed ones, and records the acknowledged ids.

    `imports` is the share of the requests that are imports.
    """

    def __init__(self, log: EventLog, *, seed: int, imports: float) -> None:
        clock = SystemClock()
        self.acked: set[str] = set()
        self.repeats = 0
        self._random = Random(seed)
        self._imports = imports
        self._now = clock.now()
        self._ids = SystemIds(clock)
        self._service = Ingest(
            log=log,
            memory=NoMemory(),
            ids=self._ids,
            clock=clock,
            random=self._random,
            observer=NoObserver(),
            schemas=MemoryEventSchemas(),
        )

    async def send(self, events: int, *, over_s: float) -> None:
        """Send that many events, evenly over the given seconds."""
        requests = events // EVENTS_A_REQUEST
        for _ in range(requests):
            is_import = self._random.random() < self._imports
            await self._send_one([self._event(is_import) for _ in range(EVENTS_A_REQUEST)], is_import)
            await asyncio.sleep(over_s / requests)

    async def _send_one(self, items: list[dict[str, Any]], is_import: bool) -> None:
        accept = self._service.accept_import if is_import else self._service.accept_batch
        while True:
            try:
                receipt = await accept(TENANT, items, idempotency_key=None)
            except Unavailable:
                self.repeats += 1
                await asyncio.sleep(0.2)
            else:
                self.acked.update(receipt.message_ids)
                return

    def _event(self, is_import: bool) -> dict[str, Any]:
        # Two months, so that every insert makes parts in more than one partition of the table.
        days = 30 * self._random.randrange(IMPORTED_MONTHS) if is_import else self._random.choice((0, 40))
        at = self._now - timedelta(days=days, seconds=self._random.randrange(3600))
        return {
            "type": "track",
            "user_id": f"user-{self._random.randrange(500)}",
            "event_type": self._random.choice(("page_viewed", "purchase")),
            "message_id": self._ids.uuid7(),
            "timestamp": at.isoformat(),
            "payload": {"n": self._random.randrange(100), "path": "/pricing"},
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """The warehouse compared with the acknowledged events."""

    acked: int
    rows: int
    lost: frozenset[str]
    invented: frozenset[str]
    duplicated: int


async def until_drained(clickhouse: ClickHouse, acked: set[str], *, within_s: float) -> None:
    """Return when every acknowledged id is stored and no more arrive, or when the time is up."""
    for _ in range(round(within_s / _LOOK_EVERY_S)):
        if not acked - (await stored_ids(clickhouse)).keys():
            break
        await asyncio.sleep(_LOOK_EVERY_S)
    await asyncio.sleep(_QUIET_S)


async def stored_ids(clickhouse: ClickHouse, *, final: bool = False) -> Counter[str]:
    """Return each message id in `events` with its number of rows."""
    result = await clickhouse.query(f"SELECT message_id, count() FROM events {'FINAL' * final} GROUP BY message_id")
    return Counter({str(message_id): int(count) for message_id, count in result.rows})


async def compare(clickhouse: ClickHouse, acked: set[str], *, final: bool = False) -> Comparison:
    """Compare by ids, never by counts alone."""
    stored = await stored_ids(clickhouse, final=final)
    return Comparison(
        acked=len(acked),
        rows=stored.total(),
        lost=frozenset(acked - stored.keys()),
        invented=frozenset(stored.keys() - acked),
        duplicated=stored.total() - len(stored),
    )
