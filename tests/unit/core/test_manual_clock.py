"""The clock that tests move by hand."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from segops_testkit.clock import ManualClock
from segops_testkit.polling import settled

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_both_clocks_move_together() -> None:
    clock = ManualClock(NOON)
    clock.advance(1.5)
    assert clock.now() == NOON + timedelta(seconds=1.5)
    assert clock.monotonic() == 1.5
    with pytest.raises(ValueError, match="go back"):
        clock.advance(-1)


def test_the_start_names_its_zone() -> None:
    with pytest.raises(ValueError, match="aware"):
        ManualClock(datetime(2026, 3, 1))  # noqa: DTZ001


async def test_sleepers_wake_in_the_order_of_their_times() -> None:
    clock, woken = ManualClock(NOON), list[float]()

    async def sleeper(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(seconds)

    async with asyncio.TaskGroup() as group:
        for seconds in (3, 1, 2, 0):
            group.create_task(sleeper(seconds))
        await settled()
        assert (woken, clock.sleepers) == ([0], 3)
        clock.advance(2)
        await settled()
        assert woken == [0, 1, 2]
        clock.advance(1)
    assert woken == [0, 1, 2, 3]


async def test_a_cancelled_sleeper_is_forgotten() -> None:
    clock = ManualClock(NOON)
    task = asyncio.get_running_loop().create_task(clock.sleep(1))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert clock.sleepers == 0
    clock.advance(1)
