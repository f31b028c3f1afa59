"""Live events on the log in memory: filters, resuming, limits, and what happens when the log ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from segops_common.contracts.events import EventRow
from segops_common.contracts.topics import EVENTS, SINK_GROUP, profile_key
from segops_common.core.clock import SystemClock
from segops_common.core.problems import RateLimited, Unavailable, ValidationFailed
from segops_common.streams.log import TopicPartition, partition_of
from segops_common.streams.memory import MemoryEngine, MemoryEventLog
from segops_membership.domain.explorer.live_events import StreamPosition
from segops_membership.domain.explorer.records import EventFilter
from segops_membership.service.explorer.live_events import MAX_WAITING, LiveEvents, LiveMessage

TENANT, OTHER = 7, 70
EVERY = EventFilter()


def row(message_id: str, user: str = "ada", *, tenant: int = TENANT, name: str = "buy", **payload: str) -> EventRow:
    return EventRow(
        tenant_id=tenant,
        kind="track",
        event_type=name,
        user_id=user,
        anonymous_id="",
        message_id=message_id,
        timestamp="2026-03-01 12:00:00.000",
        received_at="2026-03-01 12:00:00.120",
        payload=dict(payload),
        context={},
        removed=(),
    )


class Log:
    """A log in memory and the streams on it."""

    def __init__(self) -> None:
        self.engine = MemoryEngine()
        self.events = MemoryEventLog(clock=SystemClock(), engine=self.engine)
        self.live = self.another()

    def another(self) -> LiveEvents:
        """Return the streams of another process."""
        return LiveEvents(log=self.events, clock=SystemClock(), max_streams=3, max_streams_of_a_tenant=2)

    async def append(self, *rows: EventRow) -> None:
        """Append one record with these events."""
        value = b"".join(row.model_dump_json().encode() + b"\n" for row in rows)
        await self.events.append(EVENTS, profile_key(rows[0].tenant_id, rows[0].profile_id), value)

    def stream(
        self, position: StreamPosition, events: EventFilter = EVERY, *, live: LiveEvents | None = None
    ) -> Stream:
        return Stream((live or self.live).follow(TENANT, events, position, timeout_s=60, stopping=lambda: False))


class Stream:
    """Reads one stream."""

    def __init__(self, messages: AsyncIterator[LiveMessage]) -> None:
        self._messages = messages
        self.position = StreamPosition(())

    async def next(self) -> LiveMessage:
        async with asyncio.timeout(30):
            message = await anext(self._messages)
        self.position = message.position
        return message

    async def ids(self, count: int) -> list[str]:
        """Return the ids of the next events."""
        ids: list[str] = []
        while len(ids) < count:
            message = await self.next()
            assert not message.is_gap
            if message.event is not None:
                ids.append(message.event.row.message_id)
        return ids

    async def close(self) -> None:
        await self._messages.aclose()  # type: ignore[attr-defined]


@pytest.fixture
async def log() -> AsyncIterator[Log]:
    log = Log()
    await log.events.ensure_topics([EVENTS])
    yield log
    await log.events.close()


async def test_events_of_the_tenant_are_streamed_from_now_on(log: Log) -> None:
    await log.append(row("before"))
    stream = log.stream(await log.live.open(TENANT, None))
    await stream.next()
    await log.append(row("theirs", tenant=OTHER))
    await log.append(row("a"), row("b", "ben"))
    assert await stream.ids(2) == ["a", "b"]
    await log.append(row("c", "carl"))
    assert await stream.ids(1) == ["c"]
    await stream.close()


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (EventFilter(event_type="view"), ["v", "end"]),
        (EventFilter(user_id="ben"), ["b", "end"]),
        (EventFilter(text="SHOES"), ["s", "end"]),
        (EventFilter(since_ms=1_772_366_400_000), ["a", "v", "b", "s", "end"]),
        (EventFilter(until_ms=1_772_366_400_000), []),
    ],
)
async def test_streams_have_the_filters_of_the_list(log: Log, events: EventFilter, expected: list[str]) -> None:
    first = log.stream(await log.live.open(TENANT, None), events)
    every = log.stream(await log.live.open(TENANT, None))
    await first.next()
    await every.next()
    rows = [row("a"), row("v", name="view"), row("b", "ben"), row("s", note="Red shoes")]
    await log.append(*rows, row("end", "ben", name="view", note="shoes"))
    assert await first.ids(len(expected)) == expected
    assert len(await every.ids(5)) == 5
    await first.close()
    await every.close()


async def test_a_stream_resumes_after_every_event_without_loss_or_repetition(log: Log) -> None:
    start = await log.live.open(TENANT, None)
    users = ("ada", "ben", "carl", "dora")
    ids = [f"{user}{i}" for i in range(3) for user in users]
    stream = log.stream(start)
    for i in range(3):
        for user in users:
            await log.append(row(f"{user}{i}", user), row(f"{user}{i}+", user), row("x", tenant=OTHER))
    expected = {id for name in ids for id in (name, f"{name}+")}
    received: list[str] = []
    # A new process after each event, which knows only the id of that event.
    while len(received) < len(expected):
        received += await stream.ids(1)
        await stream.close()
        live = log.another()
        position = await live.open(TENANT, stream.position.token)
        stream = log.stream(position, live=live)
    assert sorted(received) == sorted(expected)
    for user in users:
        own = [id for id in received if id.startswith(user)]
        assert own == [f"{user}{i}{end}" for i in range(3) for end in ("", "+")]
    await stream.close()


async def test_events_between_two_connections_are_sent_later(log: Log) -> None:
    stream = log.stream(await log.live.open(TENANT, None))
    await stream.next()
    await log.append(row("a"))
    assert await stream.ids(1) == ["a"]
    await stream.close()
    await log.append(row("missed"))
    other = log.stream(await log.live.open(TENANT, None))
    await other.next()
    resumed = log.stream(await log.live.open(TENANT, stream.position.token))
    assert await resumed.ids(1) == ["missed"]
    await log.append(row("new"))
    assert (await resumed.ids(1), await other.ids(1)) == (["new"], ["new"])
    await resumed.close()
    await other.close()


async def test_an_event_says_whether_it_is_stored(log: Log) -> None:
    start = await log.live.open(TENANT, None)
    await log.append(row("stored"))
    await log.append(row("waiting"))
    partition = partition_of(EVENTS, profile_key(TENANT, "ada"))
    async with log.events.consumer(SINK_GROUP, [EVENTS]) as sink:
        await sink.poll(max_records=10, max_bytes=10**6, wait_s=0)
        await sink.commit(TopicPartition(EVENTS.name, partition), start.places[partition][0] + 1)
    stream = log.stream(start)
    stored: dict[str, bool] = {}
    while len(stored) < 2:
        event = (await stream.next()).event
        if event is not None:
            stored[event.row.message_id] = event.stored
    assert stored == {"stored": True, "waiting": False}
    await stream.close()


async def test_a_gap_in_the_log_is_reported(log: Log) -> None:
    start = await log.live.open(TENANT, None)
    await log.append(row("trimmed"))
    await log.append(row("also trimmed"))
    partition = partition_of(EVENTS, profile_key(TENANT, "ada"))
    end = start.places[partition][0] + 2
    log.engine.trimmed[TopicPartition(EVENTS.name, partition)] = end
    stream = log.stream(start)
    await stream.next()
    assert (await stream.next()).is_gap
    await log.append(row("new"))
    assert await stream.ids(1) == ["new"]
    await stream.close()


async def test_a_position_beyond_the_log_is_refused(log: Log) -> None:
    position = await log.live.open(TENANT, None)
    with pytest.raises(ValidationFailed):
        await log.live.open(TENANT, position.at(3, (10**6, 0)).token)


async def test_a_slow_client_is_cut_off_and_resumes(log: Log) -> None:
    stream = log.stream(await log.live.open(TENANT, None))
    await stream.next()
    watching = log.stream(await log.live.open(TENANT, None))
    await watching.next()
    first = asyncio.ensure_future(stream.ids(1))
    await log.append(row("first"))
    assert await first == ["first"]
    many = [row(f"m{i}") for i in range(MAX_WAITING + 2)]
    await log.append(*many)
    with pytest.raises(StopAsyncIteration):
        await stream.ids(MAX_WAITING + 2)
    live = log.another()
    resumed = log.stream(await live.open(TENANT, stream.position.token), live=live)
    rest = MAX_WAITING + 2 - stream.position.places[partition_of(EVENTS, profile_key(TENANT, "ada"))][1]
    assert (await resumed.ids(rest))[-1] == many[-1].message_id
    await resumed.close()
    await watching.close()


async def test_streams_are_limited(log: Log) -> None:
    start = await log.live.open(TENANT, None)
    streams = [log.stream(start) for _ in range(2)]
    for stream in streams:
        await stream.next()
    with pytest.raises(RateLimited):
        await log.live.open(TENANT, None)
    third = log.live.follow(OTHER, EVERY, start, timeout_s=60, stopping=lambda: False)
    async with aclosing(third):
        await anext(third)
        with pytest.raises(Unavailable) as refused:
            await log.live.open(OTHER + 1, None)
        assert refused.value.slug == "too-many-streams"
    await streams[0].close()
    await log.live.open(TENANT, None)
    await streams[1].close()


@pytest.mark.parametrize("token", ["", "x", "1", "1." * 12, ".".join(["1"] * 13), ".".join(["-1"] * 12), "9" * 30])
async def test_an_id_of_no_stream_is_refused(log: Log, token: str) -> None:
    with pytest.raises(ValidationFailed):
        await log.live.open(TENANT, token)


async def test_a_stream_ends_when_the_process_stops(log: Log) -> None:
    stopping = False
    messages = log.live.follow(
        TENANT, EVERY, await log.live.open(TENANT, None), timeout_s=60, stopping=lambda: stopping
    )
    await anext(messages)
    stopping = True
    async with asyncio.timeout(30):
        assert [message async for message in messages] == []
