"""The contract of `UnstoredEvents`, in memory and over an event log."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

import pytest

from segops_common.contracts.topics import EVENT_IMPORTS, EVENTS, IMPORT_SINK_GROUP, SINK_GROUP, Topic, profile_key
from segops_common.core.clock import SystemClock
from segops_common.streams.log import Committed, TopicPartition, partition_of
from segops_common.streams.memory import MemoryEngine, MemoryEventLog
from segops_language.events import Event
from segops_membership.adapters.log.unstored_events import LogUnstoredEvents
from segops_membership.adapters.memory.events import MemoryUnstoredEvents
from segops_membership.ports.events import AcceptedEvent, UnstoredEvents, UnstoredUnavailable
from tests.corpus.builders import event
from tests.integration.membership.harness import event_row

FIRST = event("ü", "view", page="a")
OTHERS = event("v", "view")


@dataclass(frozen=True, slots=True)
class Unstored:
    """One adapter, a way to accept events, and one to end its source."""

    events: UnstoredEvents
    accept: Callable[[int, Event], Awaitable[None]]
    stop: Callable[[], None]


def in_memory() -> Unstored:
    adapter = MemoryUnstoredEvents()

    async def accept(tenant_id: int, item: Event) -> None:
        adapter.events[tenant_id].append(AcceptedEvent(item, 1))

    def stop() -> None:
        adapter.refusal = "stopped"

    return Unstored(adapter, accept, stop)


def over_a_log() -> Unstored:
    log = MemoryEventLog(clock=SystemClock())

    async def accept(tenant_id: int, item: Event) -> None:
        await log.append(EVENTS, profile_key(tenant_id, item.profile_id), event_row(tenant_id, item))

    def stop() -> None:
        log.reachable = False

    return Unstored(LogUnstoredEvents(log=log), accept, stop)


@pytest.fixture(params=[in_memory, over_a_log])
def unstored(request: pytest.FixtureRequest) -> Unstored:
    made: Unstored = request.param()
    return made


async def test_events_of_the_profile_are_read(unstored: Unstored) -> None:
    assert list(await unstored.events.read(1, "ü")) == []
    for tenant_id, item in ((1, FIRST), (1, OTHERS), (2, FIRST), (1, replace(FIRST, message_id="second"))):
        await unstored.accept(tenant_id, item)
    events = [accepted.event for accepted in await unstored.events.read(1, "ü")]
    assert events == [FIRST, replace(FIRST, message_id="second")]
    assert list(await unstored.events.read(2, "v")) == []


async def test_an_outage_is_said(unstored: Unstored) -> None:
    await unstored.accept(1, FIRST)
    unstored.stop()
    with pytest.raises(UnstoredUnavailable):
        await unstored.events.read(1, "ü")


@dataclass(slots=True)
class StoppedSink:
    """A log whose sink has committed some records."""

    engine: MemoryEngine
    log: MemoryEventLog

    async def append(self, topic: Topic, *values: bytes) -> None:
        for value in values:
            await self.log.append(topic, profile_key(1, "ü"), value)

    def commit(self, group: str, topic: Topic, position: int) -> None:
        source = TopicPartition(topic.name, partition_of(topic, profile_key(1, "ü")))
        self.engine.progress[group, source] = Committed(position, "")

    async def read(self) -> Sequence[AcceptedEvent]:
        return await LogUnstoredEvents(log=self.log).read(1, "ü")


@pytest.fixture
def sink() -> StoppedSink:
    engine = MemoryEngine()
    return StoppedSink(engine, MemoryEventLog(clock=SystemClock(), engine=engine))


async def test_what_the_sink_has_committed_is_not_read_again(sink: StoppedSink) -> None:
    lines = [event_row(1, replace(FIRST, message_id=f"m{n}")) for n in range(3)]
    await sink.append(EVENTS, *lines)
    await sink.append(EVENT_IMPORTS, *lines)
    sink.commit(SINK_GROUP, EVENTS, 2)
    sink.commit(IMPORT_SINK_GROUP, EVENT_IMPORTS, 3)
    assert [(accepted.event.message_id, accepted.version) for accepted in await sink.read()] == [("m2", 2**64 - 4)]
    sink.commit(IMPORT_SINK_GROUP, EVENT_IMPORTS, 1)
    imported = [accepted.version for accepted in await sink.read()][1:]
    assert imported == [2**63 - 3, 2**63 - 4]


async def test_events_of_another_tenant_or_profile_in_the_same_partition_are_left_out(sink: StoppedSink) -> None:
    inside = event_row(1, event("v", "view", of="ü"))
    await sink.append(EVENTS, event_row(2, FIRST) + inside, event_row(1, FIRST))
    assert [accepted.version for accepted in await sink.read()] == [2**64 - 3]


async def test_lines_that_the_sink_refuses_are_left_out(sink: StoppedSink) -> None:
    whole = event_row(1, FIRST)
    await sink.append(EVENTS, b"", b'{"user_id":"\xc3\xbc"}\n', b'"\xc3\xbc', whole[:-9], b"[\n" + whole + whole)
    assert [accepted.event for accepted in await sink.read()] == [FIRST, FIRST]


async def test_a_log_that_is_slow_or_was_trimmed_is_said(sink: StoppedSink) -> None:
    await sink.append(EVENTS, *[event_row(1, FIRST)] * 3)
    source = TopicPartition(EVENTS.name, partition_of(EVENTS, profile_key(1, "ü")))
    sink.engine.trimmed[source] = 2
    with pytest.raises(UnstoredUnavailable):
        await sink.read()
    sink.engine.trimmed[source] = 0

    class NeverAnswers(MemoryEventLog):
        async def check(self) -> None:
            await asyncio.Event().wait()

    slow = NeverAnswers(clock=SystemClock(), engine=sink.engine)
    with pytest.raises(UnstoredUnavailable, match=r"within 0\.01 s"):
        await LogUnstoredEvents(log=slow, timeout_s=0.01).read(1, "ü")
