"""Acknowledged events per second: events packed into records as ingestion does it, against one record per event.

A browser's batch has one user and becomes one record. A server's batch has many users and becomes one record for each
partition. The single events are appended in two ways: in one call, so that only the number of records differs, and with
a call for each event, all calls of a request at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from bench.harness.calls import drafts, items
from bench.harness.engines import folder, running
from bench.harness.pairs import in_turn, per_second
from bench.report import Budget, Ratio, at_least
from segops_common.contracts.topics import EVENTS, profile_key
from segops_common.core.clock import SystemClock
from segops_common.streams.log import EventLog, Message
from segops_common.streams.open import open_event_log
from segops_ingest.domain.identity import Delivery
from segops_ingest.domain.messages import pack
from segops_local.engines import KafkaEngine, ValkeyEngine
from segops_local.engines.kafka_jars import missing_programs

ROUNDS = 5
BATCH_EVENTS = 100
REQUESTS = 320
REQUESTS_BY_EVENT = 32
"""Fewer requests when each event is a call of its own, because that takes much longer."""
AT_ONCE = 32
BATCHES: dict[str, int] = {"of one user": 1, "of 50 users": 50}
BUDGET: Budget = at_least(5)


def per_request(batch: Sequence[Delivery]) -> list[Message]:
    """Return the records that ingestion appends for a request."""
    return pack(batch, (), EVENTS)


def per_event(batch: Sequence[Delivery]) -> list[Message]:
    """Return one record for each event."""
    return [
        Message(key=profile_key(draft.row["tenant_id"], draft.row["user_id"]), value=draft.text + b"\n")
        for draft in batch
    ]


async def append_all(log: EventLog, calls: Sequence[Sequence[Message]], requests: int) -> None:
    """Append the same request `requests` times, AT_ONCE of them in parallel. A request ends when all its calls have ended."""

    async def sender() -> None:
        for _ in range(requests // AT_ONCE):
            await asyncio.gather(*(log.append_many(EVENTS, messages) for messages in calls))

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(sender())


async def run() -> list[Ratio]:
    """Measure on Valkey, and on Kafka if Java and Maven are installed."""
    with folder() as state:
        async with valkey(state) as log:
            ratios = await _measured("Valkey", log)
        lacking = missing_programs()
        if lacking is not None:
            print(f"  not measured on Kafka: {lacking}")
            return ratios
        async with kafka(state) as log:
            return ratios + await _measured("Kafka", log)


@asynccontextmanager
async def valkey(state: Path) -> AsyncIterator[EventLog]:
    """The event log of one machine."""
    engine = ValkeyEngine(state / "valkey")
    async with running(engine), _opened(engine.event_log_url) as log:
        yield log


@asynccontextmanager
async def kafka(state: Path) -> AsyncIterator[EventLog]:
    """The event log of production, with one broker."""
    engine = KafkaEngine(state / "kafka")
    async with running(engine), _opened(engine.url) as log:
        yield log


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[EventLog]:
    log = open_event_log(url, clock=SystemClock())
    try:
        await log.ensure_topics([EVENTS])
        yield log
    finally:
        await log.close()


async def _measured(engine: str, log: EventLog) -> list[Ratio]:
    return [ratio for name, users in BATCHES.items() for ratio in await _of_batches(engine, log, name, users)]


async def _of_batches(engine: str, log: EventLog, name: str, users: int) -> list[Ratio]:
    batch = list(drafts(items(BATCH_EVENTS, users=users)))
    few, many = per_request(batch), per_event(batch)
    ways: list[tuple[list[list[Message]], int]] = [
        ([few], REQUESTS),
        ([many], REQUESTS),
        ([[message] for message in many], REQUESTS_BY_EVENT),
    ]
    packed, loose, apart = await in_turn(
        ROUNDS,
        *(
            partial(per_second, requests * BATCH_EVENTS, partial(append_all, log, calls, requests))
            for calls, requests in ways
        ),
    )
    what = f"{engine}, a batch {name} ({len(few)} messages a request)"
    return [
        Ratio(what, "a message an event, one call a request", packed, loose, "events/s", BUDGET),
        Ratio(what, "a message an event, a call each", packed, apart, "events/s"),
    ]
