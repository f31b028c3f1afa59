"""The loop on the memory log: what its contract does not already show."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from segops_common.contracts.topics import Topic
from segops_common.core.clock import SystemClock
from segops_common.core.faults import NO_FAULTS
from segops_common.streams.leases import LeaseTimes
from segops_common.streams.log import Committed, LogUnavailable, Message, Position, TopicPartition
from segops_common.streams.loop.batches import TooHeavy
from segops_common.streams.loop.consumer import BadRecord, BadRecords, Batch, ConsumerLoop, Limits, SilentObserver
from segops_common.streams.loop.dead_letter_topic import DeadLetterTopic
from segops_common.streams.memory import MemoryEngine, MemoryEventLog
from segops_testkit.event_log_tools import fill, numbers
from segops_testkit.polling import forever, until

TOPIC = Topic("t", 1)
SOURCE = TopicPartition("t", 0)
FAST = Limits(max_age_s=0, drain_s=0.3, give_up_s=0.2, retry_first_s=0.01, retry_most_s=0.02)
TIMES = LeaseTimes(lease_s=0.5, beat_s=0.05)


class Handler:
    """Does what the test says with each batch."""

    def __init__(self, work: Callable[[Batch], Awaitable[None]]) -> None:
        self._work = work
        self.batches: list[Batch] = []

    async def handle(self, batch: Batch) -> None:
        self.batches.append(batch)
        await self._work(batch)


class Recorder(SilentObserver):
    """Records what the loop reports."""

    def __init__(self) -> None:
        self.lags: list[int] = []
        self.errors: list[str] = []
        self.codes: list[str] = []
        self.sizes: list[tuple[int, int]] = []

    def lagging(self, source: TopicPartition, records: int) -> None:
        self.lags.append(records)

    def handled(self, batch: Batch, seconds: float) -> None:
        assert seconds >= 0
        self.sizes.append((len(batch.records), sum(record.size for record in batch.records)))

    def dead_lettered(self, source: TopicPartition, code: str) -> None:
        self.codes.append(code)

    def retrying(self, source: TopicPartition, error: str) -> None:
        self.errors.append(error)


async def nothing(batch: Batch) -> None:
    return None


def new_log(engine: MemoryEngine | None = None) -> MemoryEventLog:
    return MemoryEventLog(clock=SystemClock(), engine=engine, times=TIMES)


@asynccontextmanager
async def running(
    log: MemoryEventLog,
    handler: Handler,
    *,
    topic: Topic = TOPIC,
    limits: Limits = FAST,
    record_intent: bool = False,
    observer: SilentObserver | None = None,
) -> AsyncIterator[ConsumerLoop]:
    loop = ConsumerLoop(
        log=log,
        group="g",
        topic=topic,
        handler=handler,
        dead_letters=DeadLetterTopic(log=log),
        faults=NO_FAULTS,
        clock=SystemClock(),
        limits=limits,
        record_intent=record_intent,
        observer=observer,
    )
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(loop.run(stop))
        try:
            yield loop
        finally:
            stop.set()


async def committed(engine: MemoryEngine) -> Committed | None:
    return engine.progress.get(("g", SOURCE))


async def test_a_failing_batch_is_retried_and_reported() -> None:
    log, recorder = new_log(), Recorder()
    await fill(log, TOPIC, numbers(0, 2))
    failing = True

    async def work(batch: Batch) -> None:
        if failing:
            raise ConnectionError("the store is away")

    handler = Handler(work)
    async with running(log, handler, observer=recorder) as loop:
        await until(lambda: len(handler.batches) >= 5)
        assert not loop.health.ok
        assert "the store is away" in loop.health.problem
        failing = False
        await until(lambda: loop.health.ok)
        await until(lambda: recorder.sizes == [(2, 16)])
    assert recorder.errors[:3] == ["ConnectionError"] * 3
    assert len({batch.token() for batch in handler.batches}) == 1


async def test_a_batch_that_is_too_heavy_is_halved_until_its_parts_fit() -> None:
    """Each part is repeated once before it is halved, and has an intent of its own, which a replay follows."""
    engine, recorder = MemoryEngine(), Recorder()
    log = new_log(engine)
    await fill(log, TOPIC, numbers(0, 7))
    intents: list[tuple[int, str]] = []

    async def work(batch: Batch) -> None:
        progress = await committed(engine)
        assert progress is not None
        intents.append((progress.position, progress.metadata))
        if len(batch.records) > 2:
            raise TooHeavy

    handler = Handler(work)
    async with running(log, handler, observer=recorder, record_intent=True):
        await until(lambda: sum(records for records, _ in recorder.sizes) == 7)
    ranges = [(batch.first_offset, batch.last_offset) for batch in handler.batches]
    assert ranges == [(0, 6), (0, 6), (0, 2), (0, 2), (0, 0), (1, 2), (3, 6), (3, 6), (3, 4), (5, 6)]
    assert intents == [(first, str(last)) for first, last in ranges]
    assert recorder.errors == ["TooHeavy"] * 3
    assert await committed(engine) == Committed(7, "")


async def test_a_record_that_is_too_heavy_is_kept_and_retried() -> None:
    log, recorder = new_log(), Recorder()
    await fill(log, TOPIC, numbers(0, 1))
    failures = 4

    async def work(batch: Batch) -> None:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise TooHeavy

    handler = Handler(work)
    async with running(log, handler, observer=recorder):
        await until(lambda: bool(recorder.sizes))
    assert len(handler.batches) == 5
    assert len({batch.token() for batch in handler.batches}) == 1


async def test_the_loop_is_not_ready_before_it_has_joined() -> None:
    log = new_log()
    log.reachable = False
    async with running(log, Handler(nothing)) as loop:
        await until(lambda: "does not respond" in loop.health.problem)
        assert not loop.health.ok
        log.reachable = True
        await until(lambda: loop.health.ok)
        log.reachable = False
        await until(lambda: not loop.health.ok)
        log.reachable = True
        await until(lambda: loop.health.ok)


async def test_a_hanging_handler_does_not_hold_up_the_shutdown_and_keeps_its_intent() -> None:
    engine = MemoryEngine()
    log = new_log(engine)
    await fill(log, TOPIC, numbers(0, 3))

    async def hang(batch: Batch) -> None:
        await forever()

    handler = Handler(hang)
    async with running(log, handler, record_intent=True):
        await until(lambda: bool(handler.batches))
        began = time.monotonic()
    assert time.monotonic() - began < 30
    assert await committed(engine) == Committed(0, "2")


async def test_a_batch_in_flight_is_finished_at_shutdown() -> None:
    engine = MemoryEngine()
    log = new_log(engine)
    await fill(log, TOPIC, numbers(0, 3))
    release = asyncio.Event()

    async def wait(batch: Batch) -> None:
        await release.wait()

    handler = Handler(wait)
    async with running(log, handler, record_intent=True):
        await until(lambda: bool(handler.batches))
        asyncio.get_running_loop().call_later(0.1, release.set)
    assert await committed(engine) == Committed(3, "")


async def test_a_failing_batch_is_left_to_the_next_owner_at_shutdown() -> None:
    engine = MemoryEngine()
    log = new_log(engine)
    await fill(log, TOPIC, numbers(0, 3))

    async def refuse(batch: Batch) -> None:
        raise ConnectionError

    handler = Handler(refuse)
    patient = Limits(max_age_s=0, drain_s=30, retry_first_s=20, retry_most_s=20)
    async with running(log, handler, record_intent=True, limits=patient):
        await until(lambda: bool(handler.batches))
        began = time.monotonic()
    assert time.monotonic() - began < 15
    assert await committed(engine) == Committed(0, "2")


async def test_too_many_bad_records_stop_the_loop_before_they_leave() -> None:
    log = new_log()
    await fill(log, TOPIC, [b"bad"] * 1_001)

    async def blame_all(batch: Batch) -> None:
        raise BadRecords([BadRecord(record.offset, "unreadable", "") for record in batch.records])

    async with running(log, Handler(blame_all)) as loop:
        await until(lambda: loop.health.problem.startswith("stopped: 1001 records in a row"))
        assert list(await log.tail(TOPIC.dead, 0, 10)) == []


async def test_a_handler_that_blames_foreign_records_is_not_believed() -> None:
    log = new_log()
    await fill(log, TOPIC, numbers(0, 1))

    async def blame(batch: Batch) -> None:
        raise BadRecords([BadRecord(99, "unreadable", "")])

    async with running(log, Handler(blame)) as loop:
        await until(lambda: "not in the batch" in loop.health.problem)
    assert list(await log.tail(TOPIC.dead, 0, 10)) == []


async def test_letters_written_before_an_outage_are_not_written_again() -> None:
    class LosesOneAnswer(MemoryEventLog):
        losing = True

        async def append_many(self, topic: Topic, messages: Sequence[Message]) -> Sequence[Position]:
            positions = await super().append_many(topic, messages)
            if topic == TOPIC.dead and self.losing:
                self.losing = False
                raise LogUnavailable("the answer was lost")
            return positions

    log, recorder = LosesOneAnswer(clock=SystemClock(), times=TIMES), Recorder()
    await fill(log, TOPIC, numbers(0, 2))

    async def blame_first(batch: Batch) -> None:
        bad = [BadRecord(record.offset, "unreadable", "") for record in batch.records if record.offset == 0]
        if bad:
            raise BadRecords(bad)

    async with running(log, Handler(blame_first), observer=recorder):
        await until(lambda: len(recorder.sizes) == 1)
    assert len(await log.tail(TOPIC.dead, 0, 10)) == 1
    assert recorder.codes == ["unreadable"]


async def test_one_slow_partition_does_not_hold_up_the_others() -> None:
    topic = Topic("wide", 3)
    log = new_log()
    await log.ensure_topics([topic])
    for partition in range(3):
        await log.append(topic, b"", b"%d" % partition, partition=partition)
    release = asyncio.Event()

    async def slow_first(batch: Batch) -> None:
        if batch.partition == 0:
            await release.wait()

    handler = Handler(slow_first)
    async with running(log, handler, topic=topic, limits=Limits(max_age_s=0, partitions_at_once=2)):
        await until(lambda: len(handler.batches) == 3)
        await log.append(topic, b"", b"more", partition=1)
        await until(lambda: len(handler.batches) == 4)
        release.set()


async def test_a_partition_has_one_batch_in_flight_and_reads_ahead_a_bounded_part() -> None:
    log = new_log()
    await log.ensure_topics([TOPIC])
    await log.append_many(TOPIC, [Message(key=b"", value=bytes(1000)) for _ in range(500)])
    busy, most, release = 0, 0, asyncio.Event()

    async def count(batch: Batch) -> None:
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        await release.wait()
        busy -= 1

    handler = Handler(count)
    limits = Limits(max_age_s=0, max_records=20, partitions_at_once=4)
    async with running(log, handler, limits=limits):
        await until(lambda: len(handler.batches) == 1)
        await asyncio.sleep(0.1)
        assert len(handler.batches) == 1
        release.set()
        await until(lambda: sum(len(batch.records) for batch in handler.batches) == 500)
    assert most == 1
    assert max(len(batch.records) for batch in handler.batches) == 20


async def test_batches_abandoned_in_a_rebalance_are_repeated_by_the_next_owner() -> None:
    topic = Topic("two", 2)
    engine = MemoryEngine()
    log, other = new_log(engine), new_log(engine)
    await log.ensure_topics([topic])
    for partition in range(2):
        await log.append(topic, b"", b"%d" % partition, partition=partition)

    async def hang(batch: Batch) -> None:
        await forever()

    stuck, heir = Handler(hang), Handler(nothing)
    async with running(log, stuck, topic=topic, record_intent=True):
        await until(lambda: len(stuck.batches) == 2)
        async with running(other, heir, topic=topic, record_intent=True):
            await until(lambda: bool(heir.batches))
            await until(lambda: len(stuck.batches) == 3)
    given_up = {batch.source: batch.token() for batch in stuck.batches[:2]}
    again = (heir.batches[0], stuck.batches[2])
    assert given_up == {batch.source: batch.token() for batch in again}


async def test_lag_is_reported() -> None:
    log, recorder = new_log(), Recorder()
    await fill(log, TOPIC, numbers(0, 7))

    async def hang(batch: Batch) -> None:
        await forever()

    async with running(log, Handler(hang), observer=recorder):
        await until(lambda: bool(recorder.lags))
    assert recorder.lags[0] == 7


async def test_an_error_of_a_fault_point_ends_the_loop() -> None:
    class Explosion(Exception):
        pass

    class Faults:
        def reach(self, name: str) -> None:
            raise Explosion(name)

    log = new_log()
    await fill(log, TOPIC, numbers(0, 1))
    loop = ConsumerLoop(
        log=log,
        group="g",
        topic=TOPIC,
        handler=Handler(nothing),
        dead_letters=DeadLetterTopic(log=log),
        faults=Faults(),
        clock=SystemClock(),
        limits=FAST,
        record_intent=True,
    )
    with pytest.raises(Explosion, match="after_intent"):
        await asyncio.wait_for(loop.run(asyncio.Event()), 5)
