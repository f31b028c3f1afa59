"""What every event log must do: one suite, run on each adapter by a subclass that brings a harness."""

from __future__ import annotations

import asyncio
import time
from typing import ClassVar

import pytest

from segops_common.contracts.topics import Topic
from segops_common.core.clock import SystemClock
from segops_common.streams.log import (
    MAX_RECORD_BYTES,
    Committed,
    EventLog,
    LogConsumer,
    LogUnavailable,
    Message,
    NotAssigned,
    RecordTooLarge,
    TopicMismatch,
    TopicPartition,
    partition_of,
)
from segops_common.streams.loop.consumer import (
    Limits,
)
from segops_common.streams.loop.dead_letter_topic import (
    CODE_HEADER,
    OFFSET_HEADER,
    REPLAYED_FROM_HEADER,
    DeadLetterTopic,
)
from segops_testkit.event_log_tools import (
    CLOSE_S,
    REFUSAL_S,
    Collector,
    CountingReplays,
    CrashOnce,
    LogHarness,
    fill,
    new_topic,
    numbers,
    read,
    running,
)
from segops_testkit.follow_contract import FollowContract
from segops_testkit.polling import forever, until


class EventLogContract(FollowContract):
    """Appending, reading, groups and the loop; a subclass names its adapter and gives the fixture `harness`."""

    adapter: ClassVar[type[EventLog]]

    async def test_records_come_back_as_they_were_appended(self, harness: LogHarness) -> None:
        log, topic = await harness.connect(), new_topic()
        await log.ensure_topics([topic])
        headers = (("traceparent", b"00-1"), ("bytes", bytes(range(256))))
        position = await log.append(topic, b"a\x00key", b"", headers=headers)
        assert position.partition == partition_of(topic, b"a\x00key")
        assert position.offset == 0
        async with log.consumer("g", [topic]) as consumer:
            [record] = (await read(consumer, 1))[position.partition]
        assert (record.offset, record.key, record.value, record.headers) == (0, b"a\x00key", b"", headers)
        assert abs(record.timestamp_ms / 1000 - SystemClock().now().timestamp()) < 60

    async def test_equal_keys_keep_their_order(self, harness: LogHarness) -> None:
        log, topic = await harness.connect(), new_topic()
        await log.ensure_topics([topic])
        for number in range(30):
            await log.append(topic, b"key-%d" % (number % 5), b"%d" % number)
        async with log.consumer("g", [topic]) as consumer:
            records = await read(consumer, 30)
        for partition, sequence in records.items():
            assert [record.offset for record in sequence] == list(range(len(sequence)))
            assert {partition_of(topic, record.key) for record in sequence} == {partition}
            for key in {record.key for record in sequence}:
                of_key = [int(record.value) for record in sequence if record.key == key]
                assert of_key == sorted(of_key)

    async def test_many_messages_answer_in_their_order(self, harness: LogHarness) -> None:
        log, topic = await harness.connect(), new_topic()
        await log.ensure_topics([topic])
        messages = [Message(key=b"k", value=b"%d" % number, partition=number % 3) for number in range(9)]
        positions = await log.append_many(topic, messages)
        assert [(position.partition, position.offset) for position in positions] == [(n % 3, n // 3) for n in range(9)]
        assert [record.value for record in await log.tail(topic, 1, 2)] == [b"4", b"7"]
        assert list(await log.append_many(topic, [])) == []

    async def test_the_first_record_at_or_after_an_offset_is_read(self, harness: LogHarness) -> None:
        log, topic = await harness.connect(), new_topic(2)
        await fill(log, topic, numbers(0, 3), partition=1)
        records = [await log.first_at(topic, 1, offset) for offset in range(4)]
        assert [record and (record.offset, record.value) for record in records] == [
            *((n, value) for n, value in enumerate(numbers(0, 3))),
            None,
        ]
        assert records[0] == (await log.tail(topic, 1, 3))[0]
        assert await log.first_at(topic, 0, 0) is None

    async def test_a_topic_keeps_its_number_of_partitions(self, harness: LogHarness) -> None:
        log, topic = await harness.connect(), new_topic(2)
        await asyncio.gather(log.ensure_topics([topic]), log.ensure_topics([topic]))
        await log.ensure_topics([topic])
        with pytest.raises(TopicMismatch):
            await log.ensure_topics([Topic(topic.name, 3)])

    async def test_too_large_a_record_is_refused(self, harness: LogHarness) -> None:
        log, topic = await harness.connect(), new_topic(1)
        await log.ensure_topics([topic])
        with pytest.raises(RecordTooLarge):
            await log.append(topic, b"", bytes(MAX_RECORD_BYTES + 1))
        await log.append(topic, b"", bytes(MAX_RECORD_BYTES))
        assert [record.size for record in await log.tail(topic, 0, 5)] == [MAX_RECORD_BYTES]

    async def test_uncommitted_records_come_again(self, harness: LogHarness) -> None:
        log, topic = await harness.connect(), new_topic(1)
        await fill(log, topic, numbers(0, 5))
        async with log.consumer("g", [topic]) as consumer:
            await read(consumer, 5)
        async with log.consumer("g", [topic]) as consumer:
            again = await read(consumer, 5)
            await consumer.commit(TopicPartition(topic.name, 0), 3)
        assert [record.value for record in again[0]] == numbers(0, 5)
        async with log.consumer("g", [topic]) as consumer:
            assert [record.offset for record in (await read(consumer, 2))[0]] == [3, 4]
        async with log.consumer("other group", [topic]) as consumer:
            assert len((await read(consumer, 5))[0]) == 5

    async def test_position_and_metadata_are_read_back(self, harness: LogHarness) -> None:
        log, topic = await harness.connect(), new_topic(1)
        await fill(log, topic, numbers(0, 5))
        source = TopicPartition(topic.name, 0)
        async with log.consumer("g", [topic]) as consumer:
            await read(consumer, 5)
            assert await consumer.committed(source) is None
            await consumer.commit(source, 2, "4 and more")
        async with (await harness.connect()).consumer("g", [topic]) as consumer:
            assert await consumer.committed(source) == Committed(2, "4 and more")
            await read(consumer, 3)
            await consumer.commit(source, 5)
            assert await consumer.committed(source) == Committed(5, "")
            assert await consumer.end_offsets([source]) == {source: 5}

    async def test_anyone_can_see_how_far_a_group_is(self, harness: LogHarness) -> None:
        log, topic = await harness.connect(), new_topic()
        await log.ensure_topics([topic])
        nothing = dict.fromkeys(range(topic.partitions), 0)
        assert (await log.ends(topic), await log.positions("g", topic)) == (nothing, {})
        stored = await log.append(topic, b"key", b"a")
        await log.append(topic, b"key", b"b")
        assert await log.ends(topic) == nothing | {stored.partition: 2}
        async with log.consumer("g", [topic]) as consumer:
            await read(consumer, 2)
            await consumer.commit(TopicPartition(topic.name, stored.partition), 1, "note")
            assert await log.positions("g", topic) == {stored.partition: 1}
        assert await log.positions("other", topic) == {}

    async def test_seek_reads_from_there(self, harness: LogHarness) -> None:
        log, topic = await harness.connect(), new_topic(1)
        await fill(log, topic, numbers(0, 6))
        source = TopicPartition(topic.name, 0)
        async with log.consumer("g", [topic]) as consumer:
            await read(consumer, 6)
            await consumer.seek(source, 4)
            assert [record.offset for record in (await read(consumer, 2))[0]] == [4, 5]
            with pytest.raises(NotAssigned):
                await consumer.seek(TopicPartition(topic.name, 1), 0)

    async def test_poll_reads_only_the_given_partitions(self, harness: LogHarness) -> None:
        log, topic = await harness.connect(), new_topic(2)
        await fill(log, topic, numbers(0, 2), partition=0)
        await fill(log, topic, numbers(2, 4), partition=1)
        async with log.consumer("g", [topic]) as consumer:
            await until(lambda: len(consumer.assignment()) == 2)
            among = [TopicPartition(topic.name, 1)]
            values: list[bytes] = []
            while len(values) < 2:
                for fetched in await consumer.poll(max_records=9, max_bytes=1 << 20, wait_s=0.5, among=among):
                    values += [record.value for record in fetched.records]
            assert values == numbers(2, 4)
            assert list(await consumer.poll(max_records=9, max_bytes=1 << 20, wait_s=0.05, among=[])) == []
            assert [record.value for record in (await read(consumer, 2))[0]] == numbers(0, 2)

    async def test_members_share_and_take_over(self, harness: LogHarness) -> None:
        topic = new_topic(4)
        log = await harness.connect()
        await log.ensure_topics([topic])
        async with log.consumer("g", [topic]) as first:
            await until(lambda: len(first.assignment()) == 4)
            async with (await harness.connect()).consumer("g", [topic]) as second:
                await until(lambda: len(first.assignment()) == len(second.assignment()) == 2)
                assert not first.assignment().keys() & second.assignment().keys()
                mine = min(second.assignment())
                await second.commit(mine, 0, "noted")
            await until(lambda: len(first.assignment()) == 4)
            assert await first.committed(mine) == Committed(0, "noted")

    async def test_a_lost_member_is_replaced_and_cannot_commit(self, harness: LogHarness) -> None:
        topic = new_topic(2)
        source = TopicPartition(topic.name, 0)
        lost_log, log = await harness.connect(), await harness.connect()
        await fill(log, topic, numbers(0, 4))
        async with lost_log.consumer("g", [topic]) as lost:
            await read(lost, 4)
            await lost.commit(source, 1)
            harness.isolate(lost_log)
            async with log.consumer("g", [topic]) as heir:
                await until(lambda: len(heir.assignment()) == 2, harness.takeover_s)
                assert [record.offset for record in (await read(heir, 3))[0]] == [1, 2, 3]
                await heir.commit(source, 3)
                harness.reunite(lost_log)
                with pytest.raises(NotAssigned):
                    await self._commit_until_answered(lost, source)
                assert await heir.committed(source) == Committed(3, "")

    async def test_a_lost_member_cannot_commit_into_an_empty_group(self, harness: LogHarness) -> None:
        topic = new_topic(1)
        source = TopicPartition(topic.name, 0)
        lost_log, log = await harness.connect(), await harness.connect()
        await fill(log, topic, numbers(0, 4))
        async with lost_log.consumer("g", [topic]) as lost:
            await read(lost, 4)
            async with lost.lock.shared(give_up_s=60):
                harness.isolate(lost_log)
                async with log.consumer("g", [topic]) as heir:
                    await until(lambda: source in heir.assignment(), harness.takeover_s)
                    await heir.commit(source, 3)
                harness.reunite(lost_log)
                await until(lambda: lost.lock.is_contended, harness.takeover_s)
                with pytest.raises(NotAssigned):
                    await self._commit_until_answered(lost, source)
            assert await lost.committed(source) == Committed(3, "")

    async def _commit_until_answered(self, consumer: LogConsumer, source: TopicPartition) -> None:
        for _ in range(20):
            try:
                await consumer.commit(source, 2)
                return
            except LogUnavailable:
                await asyncio.sleep(0.2)

    async def test_a_rebalance_waits_for_the_batch_in_flight(self, harness: LogHarness) -> None:
        topic = new_topic(2)
        log = await harness.connect()
        await log.ensure_topics([topic])
        async with log.consumer("g", [topic]) as first:
            await until(lambda: len(first.assignment()) == 2)
            async with (await harness.connect()).consumer("g", [topic]) as second:
                async with first.lock.shared(give_up_s=30):
                    await until(lambda: first.lock.is_contended)
                    await asyncio.sleep(0.5)
                    assert not second.assignment()
                    for source in (TopicPartition(topic.name, 0), TopicPartition(topic.name, 1)):
                        await first.commit(source, 0, "still mine")
                await until(lambda: len(first.assignment()) == len(second.assignment()) == 1)

    async def test_a_batch_is_given_up_when_a_rebalance_waits_too_long(self, harness: LogHarness) -> None:
        topic = new_topic(2)
        log = await harness.connect()
        await log.ensure_topics([topic])
        async with log.consumer("g", [topic]) as first:
            await until(lambda: len(first.assignment()) == 2)
            async with (await harness.connect()).consumer("g", [topic]) as second:
                with pytest.raises(TimeoutError):
                    async with first.lock.shared(give_up_s=0.2):
                        await forever()
                await until(lambda: len(first.assignment()) == len(second.assignment()) == 1)

    async def test_a_dead_engine_is_refused_in_time(self, harness: LogHarness) -> None:
        topic = new_topic(1)
        log = await harness.connect()
        await fill(log, topic, numbers(0, 1))
        async with log.consumer("g", [topic]) as consumer:
            await read(consumer, 1)
            await harness.kill_engine()
            began = time.monotonic()
            appends = [log.append(topic, b"k", b"lost") for _ in range(6)]
            for outcome in await asyncio.gather(*appends, return_exceptions=True):
                assert isinstance(outcome, LogUnavailable)
            assert time.monotonic() - began < REFUSAL_S
            with pytest.raises(LogUnavailable):
                await log.check()
            began = time.monotonic()
        assert time.monotonic() - began < CLOSE_S
        began = time.monotonic()
        await log.close()
        assert time.monotonic() - began < CLOSE_S
        await harness.start_engine()
        await (await harness.connect()).check()

    async def test_a_replay_is_cut_where_the_first_attempt_was(self, harness: LogHarness) -> None:
        log, topic = await harness.connect(), new_topic(1)
        await fill(log, topic, numbers(0, 10))
        limits = Limits(max_records=4, max_age_s=0.05, drain_s=2.0)
        first, second = Collector(), Collector()
        async with running(log, topic, first, faults=CrashOnce("after_insert"), limits=limits):
            await until(lambda: len(first.batches) == 1)
        await fill(log, topic, numbers(10, 15))
        observer = CountingReplays()
        async with running(log, topic, second, observer=observer):
            await until(lambda: len(second.values) == 15)
        assert first.batches[0].token() == second.batches[0].token()
        assert (first.batches[0].first_offset, first.batches[0].last_offset) == (0, 3)
        assert second.values == numbers(0, 15)
        assert observer.replays == [TopicPartition(topic.name, 0)]

    async def test_committed_records_are_not_handled_again(self, harness: LogHarness) -> None:
        log, topic = await harness.connect(), new_topic(1)
        await fill(log, topic, numbers(0, 3))
        first, second = Collector(), Collector()
        async with running(log, topic, first, faults=CrashOnce("after_commit")):
            await until(lambda: len(first.values) == 3)
        await fill(log, topic, numbers(3, 5))
        async with running(log, topic, second) as loop:
            await until(lambda: len(second.values) == 2)
            assert loop.health.ok
        assert second.values == numbers(3, 5)

    @pytest.mark.parametrize("names_bad_records", [True, False])
    async def test_bad_records_leave_once_and_the_rest_goes_on(
        self, harness: LogHarness, names_bad_records: bool
    ) -> None:
        log, topic = await harness.connect(), new_topic(1)
        await fill(log, topic, numbers(0, 9))
        bad = frozenset((b"value-2", b"value-7"))
        first = Collector(bad=bad, names_bad_records=names_bad_records)
        second = Collector(bad=bad, names_bad_records=names_bad_records)
        async with running(log, topic, first, faults=CrashOnce("after_insert")):
            await until(lambda: len(first.values) == 7)
        async with running(log, topic, second):
            await until(lambda: len(second.values) == 7)
        assert second.values == [value for value in numbers(0, 9) if value not in bad]
        assert [batch.token() for batch in first.batches] == [batch.token() for batch in second.batches]
        letters = await log.tail(topic.dead, 0, 10)
        assert [letter.value for letter in letters] == [b"value-2", b"value-7"]
        assert [dict(letter.headers)[OFFSET_HEADER] for letter in letters] == [b"2", b"7"]
        code = b"unreadable" if names_bad_records else b"refused"
        assert {dict(letter.headers)[CODE_HEADER] for letter in letters} == {code}

    async def test_dead_letters_are_replayed_once(self, harness: LogHarness) -> None:
        log, topic = await harness.connect(), new_topic(2)
        await fill(log, topic, [b"good", b"bad-1", b"bad-2", b"bad-3"], partition=partition_of(topic, b"k"))
        bad = frozenset((b"bad-1", b"bad-2", b"bad-3"))
        collector = Collector(bad=bad)
        async with running(log, topic, collector):
            await until(lambda: len(collector.values) == 1)
        letters = DeadLetterTopic(log=log)
        assert await letters.replay(topic, 2) == 2
        assert await letters.replay(topic, 10) == 1
        assert await letters.replay(topic, 10) == 0
        repaired = Collector()
        async with running(log, topic, repaired):
            await until(lambda: len(repaired.values) == 3)
        assert repaired.values == [b"bad-1", b"bad-2", b"bad-3"]
        headers = dict(repaired.batches[0].records[0].headers)
        assert headers.keys() == {REPLAYED_FROM_HEADER}
        assert repaired.batches[0].records[0].key == b"k"

    async def test_two_loops_share_and_lose_nothing(self, harness: LogHarness) -> None:
        topic = new_topic(4)
        log, other = await harness.connect(), await harness.connect()
        collectors = [Collector(), Collector()]
        for partition in range(4):
            await fill(log, topic, numbers(partition * 10, partition * 10 + 10), partition=partition)
        async with running(log, topic, collectors[0]):
            await until(lambda: len(collectors[0].values) == 40)
            async with running(other, topic, collectors[1]):
                for number in range(40, 80):
                    await log.append(topic, b"%d" % number, b"value-%d" % number)
                    await asyncio.sleep(0.02)
                await until(lambda: len({value for collector in collectors for value in collector.values}) == 80)
        assert sorted(collectors[0].values + collectors[1].values) == sorted(numbers(0, 80))
