from __future__ import annotations

import asyncio
import time

from segops_common.core.waiting import end, wait_at_most
from segops_testkit.polling import forever


async def test_a_task_that_swallows_a_cancellation_is_ended() -> None:
    async def deaf() -> None:
        try:
            await forever()
        except asyncio.CancelledError:
            await forever()

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(deaf())
        await asyncio.sleep(0)
        await end([task], within_s=5)
        assert task.cancelled()


async def test_ending_is_bounded_and_instant_without_tasks() -> None:
    leave = asyncio.Event()

    async def stubborn() -> None:
        while not leave.is_set():
            try:
                await leave.wait()
            except asyncio.CancelledError:
                continue

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(stubborn())
        await asyncio.sleep(0)
        began = time.monotonic()
        await end([task], within_s=0.3)
        await end([], within_s=10)
        assert 0.2 < time.monotonic() - began < 9
        leave.set()


async def test_an_event_is_waited_for_at_most_that_long() -> None:
    event = asyncio.Event()
    began = time.monotonic()
    await wait_at_most(event, 0.05)
    assert 0.04 < time.monotonic() - began < 9
    event.set()
    await wait_at_most(event, 60)
