"""The run stream: one query for all subscribers, heartbeats, and patience with an unavailable store."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

from segops_common.core.problems import Unavailable
from segops_segments.adapters.memory.store import MemoryStore
from segops_segments.domain.run import RunPart
from segops_segments.service.run_stream import HEARTBEAT_S, POLL_EVERY_S, RunStream
from tests.unit.segments.harness import RunsHarness


class CountingStore(MemoryStore):
    """Counts the keys of each query, and refuses queries while it is unavailable."""

    def __init__(self) -> None:
        super().__init__()
        self.query_sizes: list[int] = []
        self.is_unavailable = False

    async def find_parts(self, keys: Collection[tuple[int, int]]) -> Sequence[RunPart]:
        self.query_sizes.append(len(keys))
        if self.is_unavailable:
            raise Unavailable("unavailable")
        return await super().find_parts(keys)


def never() -> bool:
    return False


async def collect_states(stream: RunStream, run: RunPart) -> list[str]:
    changes = stream.follow(run, timeout_s=60, stopping=never)
    return [part.state async for part in changes if part is not None]


async def let_poll(harness: RunsHarness) -> None:
    """Let the stream query the store once more, and the subscribers take what it read."""
    while not harness.clock.sleepers:
        await asyncio.sleep(0)
    harness.clock.advance(POLL_EVERY_S)
    while not harness.clock.sleepers:
        await asyncio.sleep(0)
    for _ in range(10):
        await asyncio.sleep(0)


async def test_many_subscribers_share_one_query_and_survive_an_outage() -> None:
    store = CountingStore()
    harness = RunsHarness(store=store)
    stream = RunStream(store=store, clock=harness.clock)
    runs = [await harness.request(segment) for segment in await harness.create_many(2)]
    await harness.relay()
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        subscribers = [tasks.create_task(collect_states(stream, runs[number % 2])) for number in range(40)]
        await let_poll(harness)
        store.is_unavailable = True
        for run in runs:
            await harness.report(run, "running")
        await let_poll(harness)
        store.is_unavailable = False
        await let_poll(harness)
        for run in runs:
            await harness.report(run, "succeeded")
        await let_poll(harness)
    assert [subscriber.result() for subscriber in subscribers] == [["queued", "running", "succeeded"]] * 40
    assert set(store.query_sizes) == {2}
    assert len(store.query_sizes) == 5


async def test_a_long_silence_is_broken_by_a_heartbeat() -> None:
    harness = RunsHarness()
    run = await harness.request(await harness.create())
    stream = RunStream(store=harness.store, clock=harness.clock)
    changes = stream.follow(run, timeout_s=HEARTBEAT_S + 1, stopping=never)
    assert await anext(changes) == run
    harness.clock.advance(HEARTBEAT_S)
    assert await anext(changes) is None
    harness.clock.advance(1)
    assert [part async for part in changes] == []
