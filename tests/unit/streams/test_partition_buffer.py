from __future__ import annotations

import math

from segops_common.streams.log import Committed, Record, TopicPartition
from segops_common.streams.loop.batches import Limits
from segops_common.streams.loop.partition_buffer import PartitionBuffer

LIMITS = Limits(max_records=3, max_bytes=100, max_age_s=1.0)


def partition_buffer(committed: Committed | None = None, limits: Limits = LIMITS) -> PartitionBuffer:
    return PartitionBuffer(source=TopicPartition("t", 0), epoch=1, committed=committed, limits=limits)


def records(*offsets: int, size: int = 1) -> list[Record]:
    return [Record(offset=offset, key=b"", value=bytes(size)) for offset in offsets]


def test_a_batch_is_cut_by_number() -> None:
    full = partition_buffer()
    full.accept(records(0, 1, 2, 3), now=0.0)
    assert not full.has_room
    assert full.due_in(0.0) == 0.0
    batch, replays = full.cut(0.0)
    assert [record.offset for record in batch.records] == [0, 1, 2]
    assert (batch.first_offset, batch.last_offset, replays) == (0, 2, False)
    assert full.has_room


def test_a_batch_is_cut_by_size() -> None:
    full = partition_buffer()
    full.accept(records(0, 1, size=60), now=0.0)
    full.accept(records(2, size=60), now=0.0)
    batch, _ = full.cut(0.0)
    assert batch.last_offset == 1


def test_a_batch_is_cut_by_age() -> None:
    young = partition_buffer()
    assert young.due_in(5.0) == math.inf
    young.accept(records(0), now=5.0)
    young.accept(records(1), now=5.9)
    assert young.due_in(5.5) == 0.5
    assert young.due_in(6.0) == 0.0
    assert young.cut(6.0)[0].last_offset == 1
    assert young.due_in(6.0) == math.inf


def test_age_zero_hands_over_whatever_came() -> None:
    eager = partition_buffer(limits=Limits(max_age_s=0))
    eager.accept(records(0), now=5.0)
    assert eager.due_in(5.0) == 0.0


def test_an_intent_is_repeated_exactly_whatever_the_limits_say() -> None:
    resumed = partition_buffer(Committed(10, "14"))
    resumed.accept(records(10, 11, 12, 13, size=90), now=0.0)
    assert resumed.has_room
    assert resumed.due_in(99.0) == math.inf
    resumed.accept(records(14, 15), now=99.0)
    assert not resumed.has_room
    batch, replays = resumed.cut(99.0)
    assert (batch.first_offset, batch.last_offset, len(batch.records), replays) == (10, 14, 5, True)
    resumed.position = 15
    assert resumed.due_in(99.5) == 0.5
    assert resumed.cut(100.0)[0].first_offset == 15


def test_an_intent_is_repeated_with_the_stored_records() -> None:
    resumed = partition_buffer(Committed(10, "14"))
    resumed.accept(records(13, 14, 15), now=0.0)
    batch, replays = resumed.cut(0.0)
    assert ([record.offset for record in batch.records], batch.last_offset, replays) == ([13, 14], 14, True)


def test_an_intent_without_any_stored_record_is_dropped() -> None:
    resumed = partition_buffer(Committed(10, "14"))
    resumed.accept(records(20, 21), now=0.0)
    batch, replays = resumed.cut(0.0)
    assert (batch.first_offset, batch.last_offset, replays) == (20, 21, False)


def test_a_foreign_note_is_no_intent() -> None:
    resumed = partition_buffer(Committed(10, "written by a tool"))
    resumed.accept(records(10), now=0.0)
    assert resumed.due_in(1.0) == 0.0
