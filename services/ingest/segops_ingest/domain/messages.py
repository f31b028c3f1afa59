"""Rows grouped into log records: one per partition touches the log nine times less than one per event."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from segops_common.contracts.topics import EVENTS, profile_key
from segops_common.streams.log import Header, Message, partition_of
from segops_ingest.domain.event import Row
from segops_ingest.domain.limits import MAX_MESSAGE_BYTES


class Line(NamedTuple):
    """A serialised row with its place in the log."""

    partition: int
    key: bytes
    text: bytes


def line_of(row: Row, text: bytes) -> Line:
    """The row's text beside the partition of its profile."""
    key = profile_key(row["tenant_id"], row["user_id"] or row["anonymous_id"])
    return Line(partition_of(EVENTS, key), key, text)


def pack(lines: Iterable[Line], headers: Sequence[Header]) -> list[Message]:
    """The lines as NDJSON in as few messages as their partitions and the largest record allow, in their order.

    A message's key is that of its first line.
    """
    groups: dict[int, list[Line]] = {}
    for line in lines:
        groups.setdefault(line.partition, []).append(line)
    return [
        Message(
            key=part[0].key,
            value=b"\n".join([line.text for line in part]) + b"\n",
            headers=tuple(headers),
            partition=partition,
        )
        for partition, group in groups.items()
        for part in _cut(group)
    ]


def _cut(group: list[Line]) -> Iterator[list[Line]]:
    start = size = 0
    for index, line in enumerate(group):
        size += len(line.text) + 1
        if size > MAX_MESSAGE_BYTES and index > start:
            yield group[start:index]
            start, size = index, len(line.text) + 1
    yield group[start:]
