from __future__ import annotations

import pytest

from segops_common.contracts.topics import Topic
from segops_common.streams.log import Message, Record, TopicPartition, partition_of
from segops_common.streams.loop.batches import Batch


def record(offset: int, value: bytes = b"v") -> Record:
    return Record(offset=offset, key=b"k", value=value)


def batch(*records: Record) -> Batch:
    first, last = records[0].offset, records[-1].offset
    return Batch(topic="t", partition=2, first_offset=first, last_offset=last, records=records)


@pytest.mark.parametrize(
    ("key", "partition"), [(b"", 9), (b"1", 0), (b"1:user-1", 2), (b"1:user-2", 4), ("2:ü".encode(), 9), (bytes(40), 6)]
)
def test_a_key_stays_in_its_partition_for_ever(key: bytes, partition: int) -> None:
    assert partition_of(Topic("any", 12), key) == partition
    assert Message(key=key, value=b"").partition_in(Topic("any", 12)) == partition
    assert Message(key=key, value=b"", partition=11).partition_in(Topic("any", 12)) == 11


def test_a_token_depends_on_place_and_values_only() -> None:
    one = batch(record(3, b"a"), record(4, b"b"))
    again = batch(
        Record(offset=3, key=b"other", value=b"a", headers=(("h", b"1"),)), Record(offset=4, key=b"", value=b"b")
    )
    assert one.token() == again.token()
    assert one.token().startswith("t:2:3-4:")
    moved_border = batch(record(3, b"ab"), record(4, b""))
    others = [batch(record(3, b"a"), record(4, b"c")), batch(record(4, b"a"), record(5, b"b")), moved_border]
    assert len({one.token(), *(other.token() for other in others)}) == 4


def test_the_token_is_the_same_in_every_version() -> None:
    assert batch(record(0, b"a")).token() == "t:2:0-0:c77724758a6ec4d1"


def test_halves_cover_the_range() -> None:
    whole = Batch(topic="t", partition=2, first_offset=1, last_offset=9, records=(record(2), record(5), record(8)))
    left, right = whole.halves()
    assert (left.first_offset, left.last_offset, right.first_offset, right.last_offset) == (1, 4, 5, 9)
    assert left.records + right.records == whole.records
    assert whole.halves() == (left, right)
    assert whole.source == TopicPartition("t", 2)


def test_without_keeps_the_range() -> None:
    rest = batch(record(1), record(2), record(3)).without(frozenset((1, 3)))
    assert (rest.first_offset, rest.last_offset, [record.offset for record in rest.records]) == (1, 3, [2])
