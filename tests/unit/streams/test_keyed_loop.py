"""The keyed loop on the memory log: side by side, in order, and nothing lost."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from segops_common.contracts.topics import Topic
from segops_common.core.clock import SystemClock
from segops_common.core.faults import NO_FAULTS
from segops_common.streams.leases import LeaseTimes
from segops_common.streams.log import Message, TopicPartition
from segops_common.streams.loop.batches import BadRecord, BadRecords, Batch, Limits
from segops_common.streams.loop.dead_letter_topic import DeadLetterTopic
from segops_common.streams.loop.keyed import KeyedLoop
from segops_common.streams.memory import MemoryEngine, MemoryEventLog
from segops_testkit.polling import forever, until

TOPIC = Topic("t", 1)
SOURCE = TopicPartition("t", 0)
FAST = Limits(max_records=100, drain_s=0.3, give_up_s=0.2, retry_first_s=0.01, retry_most_s=0.02)
TIMES = LeaseTimes(lease_s=0.5, beat_s=0.05)

Work = Callable[[str, int], Awaitable[None]]


class Handler:
    """Does what the test says with each record; values are `<key><number>`."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self.began: defaultdict[str, list[int]] = defaultdict(list)
        self.done: defaultdict[str, list[int]] = defaultdict(list)
        self.at_once = self.most_at_once = 0

    async def handle(self, batch: Batch) -> None:
        [record] = batch.records
        key, number = record.key.decode(), int(record.value)
        self.began[key].append(number)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self._work(key, number)
        finally:
            self.at_once -= 1
        self.done[key].append(number)


async def at_once(key: str, number: int) -> None:
    await asyncio.sleep(0)


@asynccontextmanager
async def running(engine: MemoryEngine, handler: Handler, limits: Limits = FAST) -> AsyncIterator[KeyedLoop]:
    log = MemoryEventLog(clock=SystemClock(), engine=engine, times=TIMES)
    loop = KeyedLoop(
        log=log,
        group="g",
        topic=TOPIC,
        handler=handler,
        dead_letters=DeadLetterTopic(log=log),
        faults=NO_FAULTS,
        clock=SystemClock(),
        limits=limits,
        record_intent=False,
    )
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(loop.run(stop))
        try:
            yield loop
        finally:
            stop.set()


async def filled(*values: str) -> MemoryEngine:
    """A log with these values, one record each."""
    engine = MemoryEngine()
    log = MemoryEventLog(clock=SystemClock(), engine=engine, times=TIMES)
    await log.ensure_topics([TOPIC, TOPIC.dead])
    await append(engine, *values)
    return engine


async def append(engine: MemoryEngine, *values: str) -> None:
    log = MemoryEventLog(clock=SystemClock(), engine=engine, times=TIMES)
    messages = [Message(key=value[0].encode(), value=value[1:].encode(), partition=0) for value in values]
    await log.append_many(TOPIC, messages)


def committed(engine: MemoryEngine) -> int:
    progress = engine.progress.get(("g", SOURCE))
    return progress.position if progress else 0


async def test_a_slow_key_does_not_delay_other_keys() -> None:
    engine = await filled("a0", "b0", "a1", "b1", "c0")
    go = asyncio.Event()

    async def work(key: str, number: int) -> None:
        if key == "a":
            await go.wait()

    handler = Handler(work)
    async with running(engine, handler):
        await until(lambda: handler.done == {"b": [0, 1], "c": [0]})
        await append(engine, "b2")
        await until(lambda: handler.done["b"] == [0, 1, 2])
        assert (handler.began["a"], committed(engine)) == ([0], 0)
        go.set()
        await until(lambda: committed(engine) == 6)
    assert handler.done["a"] == [0, 1]


async def test_order_holds_within_a_key_also_over_failures() -> None:
    engine = await filled(*(f"{key}{number}" for number in range(20) for key in "abc"))
    failures = {("a", 3): 2, ("b", 0): 3, ("c", 19): 1}

    async def work(key: str, number: int) -> None:
        await asyncio.sleep(0)
        if failures.get((key, number)):
            failures[key, number] -= 1
            raise ConnectionError("away")

    handler = Handler(work)
    async with running(engine, handler):
        await until(lambda: committed(engine) == 60)
    assert handler.done == {key: list(range(20)) for key in "abc"}
    assert handler.began["b"] == [0, 0, 0, *range(20)]


async def test_only_so_many_keys_at_once_and_each_gets_its_turn() -> None:
    keys = "abcdefgh"
    engine = await filled(*(f"a{number}" for number in range(30)), *(f"{key}0" for key in keys[1:]))
    order: list[str] = []

    async def work(key: str, number: int) -> None:
        await asyncio.sleep(0)
        order.append(key)

    handler = Handler(work)
    limits = Limits(max_records=100, partitions_at_once=2, retry_first_s=0.01)
    async with running(engine, handler, limits):
        await until(lambda: committed(engine) == 37)
    assert handler.most_at_once == 2
    assert set(order[:20]) == set(keys)


async def test_unfinished_records_of_a_stopped_process_come_again() -> None:
    engine = await filled("a0", "b0", "c0", "b1")

    async def stuck(key: str, number: int) -> None:
        if key == "b" and number == 0:
            await forever()

    first = Handler(stuck)
    async with running(engine, first):
        await until(lambda: first.done == {"a": [0], "c": [0]})
    assert committed(engine) == 1

    second = Handler(at_once)
    async with running(engine, second):
        await until(lambda: committed(engine) == 4)
    assert second.done == {"b": [0, 1], "c": [0]}


async def test_a_partition_is_read_ahead_only_so_far() -> None:
    engine = await filled("a0", *(f"b{number}" for number in range(50)))
    go = asyncio.Event()

    async def work(key: str, number: int) -> None:
        if key == "a":
            await go.wait()

    handler = Handler(work)
    async with running(engine, handler, Limits(max_records=10, retry_first_s=0.01)):
        await until(lambda: len(handler.done["b"]) >= 9)
        await asyncio.sleep(0.3)
        assert len(handler.done["b"]) < 25
        go.set()
        await until(lambda: committed(engine) == 51)


async def test_a_bad_record_is_put_aside_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    engine = await filled("a0", "a1", "b0")

    class Picky(Handler):
        async def handle(self, batch: Batch) -> None:
            [record] = batch.records
            if record.value == b"0" and record.key == b"a":
                raise BadRecords([BadRecord(record.offset, "odd", "not this one")])
            await super().handle(batch)

    handler = Picky(at_once)
    async with running(engine, handler):
        await until(lambda: committed(engine) == 3)
    assert handler.done == {"a": [1], "b": [0]}
    log = MemoryEventLog(clock=SystemClock(), engine=engine, times=TIMES)
    assert len(await log.tail(TOPIC.dead, 0, 10)) == 1
    assert "moved record 0 of t/0 to the dead-letter topic: odd: not this one" in caplog.text


async def test_two_members_finish_the_records_of_a_key_in_order() -> None:
    engine = await filled(*(f"{key}{number}" for number in range(40) for key in "ab"))

    async def work(key: str, number: int) -> None:
        await asyncio.sleep(0.002)

    one, two = Handler(work), Handler(work)
    async with running(engine, one):
        await until(lambda: len(one.done["a"]) >= 5)
        async with running(engine, two):
            await until(lambda: committed(engine) == 80, 10)
    for key in "ab":
        assert set(one.done[key]) | set(two.done[key]) == set(range(40))
        for numbers in (one.done[key], two.done[key]):
            assert numbers == sorted(numbers)
