from __future__ import annotations

import asyncio

import pytest

from segops_common.streams.assignment_lock import AssignmentLock
from segops_testkit.polling import forever, settled


async def test_batches_share_and_a_rebalance_waits_for_all() -> None:
    lock, events = AssignmentLock(), list[str]()
    release = asyncio.Event()

    async def batch(name: str) -> None:
        async with lock.shared(give_up_s=30):
            events.append(f"{name} began")
            await release.wait()
        events.append(f"{name} ended")

    async def rebalance() -> None:
        async with lock.exclusive():
            events.append("rebalanced")
            assert lock.is_contended

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(batch("a"))
        tasks.create_task(batch("b"))
        await settled()
        tasks.create_task(rebalance())
        await settled()
        tasks.create_task(batch("late"))
        await settled()
        assert events == ["a began", "b began"]
        assert lock.is_contended
        release.set()
    assert events.index("rebalanced") < events.index("late began")
    assert events.index("b ended") < events.index("rebalanced")
    assert not lock.is_contended


async def test_a_batch_has_no_time_limit_while_no_rebalance_waits() -> None:
    lock = AssignmentLock()
    async with lock.shared(give_up_s=0.01):
        await asyncio.sleep(0.05)


async def test_a_batch_is_cancelled_when_a_rebalance_waited_too_long() -> None:
    lock = AssignmentLock()

    async def rebalance() -> None:
        async with lock.exclusive():
            pass

    async with asyncio.TaskGroup() as tasks:

        async def hold() -> None:
            async with lock.shared(give_up_s=0.02):
                tasks.create_task(rebalance())
                await forever()

        with pytest.raises(TimeoutError):
            await hold()


async def test_the_time_limit_ends_when_the_rebalance_is_cancelled() -> None:
    lock = AssignmentLock()

    async def rebalance() -> None:
        async with lock.exclusive():
            raise AssertionError("a batch is running")

    async with lock.shared(give_up_s=0.1):
        waiting = asyncio.gather(rebalance())
        await settled()
        waiting.cancel()
        await asyncio.sleep(0.2)
    assert not lock.is_contended
