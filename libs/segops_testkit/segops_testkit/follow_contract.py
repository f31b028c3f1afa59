"""What every event log must do for whoever follows a partition: a part of `EventLogContract`."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from segops_common.core.tasks import spawn
from segops_common.streams.log import LogUnavailable, OffsetOutOfRange
from segops_testkit.event_log_tools import CLOSE_S, LogHarness, fill, new_topic, numbers


class FollowContract:
    """Reading on outside any group, up to the end of the records or of the engine."""

    async def test_a_partition_is_followed_outside_any_group(self, harness: LogHarness) -> None:
        """Each record once and in order, also those that are appended while somebody waits for them."""
        log, topic = await harness.connect(), new_topic(2)
        await fill(log, topic, numbers(0, 1_500), partition=1)
        values: list[bytes] = []
        async with log.follow(topic, 1, 200) as batches:
            async for batch in batches:
                assert [record.offset for record in batch] == [200 + len(values) + n for n in range(len(batch))]
                values += [record.value for record in batch]
                if len(values) == 1_300:
                    await log.append(topic, b"", b"new", partition=1)
                    await log.append(topic, b"", b"of another", partition=0)
                if len(values) > 1_300:
                    break
        assert values == [*numbers(200, 1_500), b"new"]
        assert await log.positions("g", topic) == {}

    async def test_following_can_be_cancelled_while_it_waits(self, harness: LogHarness) -> None:
        log, topic = await harness.connect(), new_topic(1)
        await fill(log, topic, numbers(0, 1))
        waiting = asyncio.Event()

        async def follow() -> None:
            async with log.follow(topic, 0, 0) as batches:
                async for _ in batches:
                    waiting.set()

        following = spawn(follow(), name="follow")
        await asyncio.wait_for(waiting.wait(), CLOSE_S)
        following.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(following, CLOSE_S)
        assert [record.value for record in await log.tail(topic, 0, 1)] == numbers(0, 1)

    async def test_following_says_when_a_record_is_gone(self, harness: LogHarness) -> None:
        log, topic = await harness.connect(), new_topic(1)
        await fill(log, topic, numbers(0, 10))
        async with log.follow(topic, 0, 10) as batches:
            await harness.trim(topic, 0, 4)
            await log.append(topic, b"", b"new")
            assert [record.value for record in await anext(batches)] == [b"new"]
        for offset in (0, 3, 12):
            with pytest.raises(OffsetOutOfRange):
                async with log.follow(topic, 0, offset) as batches:
                    await anext(batches)
        async with log.follow(topic, 0, 4) as batches:
            offsets = [record.offset for record in await anext(batches)]
            await fill(log, topic, numbers(0, 6))
            await harness.trim(topic, 0, 15)
            # What was read ahead may still come, but nothing is skipped.
            with suppress(OffsetOutOfRange):
                while offsets[-1] < 16:
                    offsets += [record.offset for record in await anext(batches)]
        assert offsets == [4 + number for number in range(len(offsets))]

    async def test_following_a_dead_engine_is_refused_in_time(self, harness: LogHarness) -> None:
        log, topic = await harness.connect(), new_topic(1)
        await fill(log, topic, numbers(0, 1))
        async with log.follow(topic, 0, 1) as batches:
            harness.isolate(log)
            with pytest.raises(LogUnavailable):
                await asyncio.wait_for(anext(batches), 30)
        harness.reunite(log)
