"""Followers of runs: one question for all of them, a sign of life in a long silence, patience with outages."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

from segops_common.core.clock import SystemClock
from segops_common.core.problems import Unavailable
from segops_segments.adapters.memory.store import MemoryStore
from segops_segments.domain.run import Run
from segops_segments.service.run_stream import HEARTBEAT_S, RunFollowing
from tests.unit.segments.test_request_runs import World


class Store(MemoryStore):
    """Counts the questions, and answers none while it is away."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[int] = []
        self.is_away = False

    async def find_runs(self, wanted: Collection[tuple[int, int]]) -> Sequence[Run]:
        self.asked.append(len(wanted))
        if self.is_away:
            raise Unavailable("away")
        return await super().find_runs(wanted)


def never() -> bool:
    return False


async def collected(following: RunFollowing, run: Run) -> list[str]:
    changes = following.follow(run, timeout_s=60, stopping=never)
    return [each.state async for each in changes if each is not None]


async def test_many_followers_share_one_question_and_survive_an_outage() -> None:
    world, store = World(), Store()
    world.store = world.runs._store = world.segments._store = store
    following = RunFollowing(store=store, clock=SystemClock())
    runs = [await world.request(await world.segment(name)) for name in ("one", "two")]
    await world.relay()
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        followers = [tasks.create_task(collected(following, runs[i % 2])) for i in range(40)]
        await asyncio.sleep(0.3)
        store.is_away = True
        for run in runs:
            await world.word(run, "running")
        await asyncio.sleep(0.3)
        store.is_away = False
        await asyncio.sleep(0.3)
        world.clock.advance(1)
        for run in runs:
            await world.word(run, "succeeded")
    assert [follower.result() for follower in followers] == [["queued", "running", "succeeded"]] * 40
    assert set(store.asked) == {2}
    assert len(store.asked) < 10


async def test_a_long_silence_is_broken() -> None:
    world = World()
    run = await world.request(await world.segment())
    following = RunFollowing(store=world.store, clock=world.clock)
    changes = following.follow(run, timeout_s=HEARTBEAT_S + 1, stopping=never)
    assert await anext(changes) == run
    world.clock.advance(HEARTBEAT_S)
    assert await anext(changes) is None
    world.clock.advance(1)
    assert [each async for each in changes] == []
