"""Puts events in quarantine: they are acknowledged, and become dead letters instead of rows of `events`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Final

from segops_common.contracts.events import QuarantinedEvent
from segops_common.contracts.topics import QUARANTINED_EVENTS, profile_key
from segops_common.streams.log import Header, Message, partition_of
from segops_ingest.domain.identity import Delivery
from segops_ingest.domain.limits import MAX_MESSAGE_BYTES
from segops_ingest.domain.refusal import EventRefused

_PLACE_BYTES: Final = 8


def quarantine_messages(
    deliveries: Sequence[Delivery], refusals: Mapping[int, EventRefused], headers: Sequence[Header]
) -> list[Message]:
    """Return messages with all deliveries, as few as the partitions and the limit of a record allow."""
    groups: dict[int, list[tuple[bytes, bytes]]] = {}
    for delivery in deliveries:
        row = delivery.row
        key = profile_key(row["tenant_id"], row["user_id"] or row["anonymous_id"])
        letter = QuarantinedEvent(
            tenant_id=row["tenant_id"],
            message_id=row["message_id"],
            place=_place(delivery),
            reason=_reason(refusals[delivery.index]),
            line=delivery.text.decode(),
        )
        groups.setdefault(partition_of(QUARANTINED_EVENTS, key), []).append((key, letter.model_dump_json().encode()))
    return [
        Message(
            key=part[0][0], value=b"".join(line + b"\n" for _, line in part), headers=(*headers,), partition=partition
        )
        for partition, group in groups.items()
        for part in _cut(group)
    ]


def _place(delivery: Delivery) -> int:
    """Return a number that is the same whenever the event is delivered, so it becomes one dead letter."""
    return int.from_bytes(blake2b("\0".join(delivery.identity).encode(), digest_size=_PLACE_BYTES).digest(), "big")


def _reason(refusal: EventRefused) -> str:
    return f"The event violates the schema of its type: {refusal.path} {refusal.whole_detail}."


def _cut(group: Sequence[tuple[bytes, bytes]]) -> Sequence[Sequence[tuple[bytes, bytes]]]:
    parts: list[list[tuple[bytes, bytes]]] = []
    size = 0
    for item in group:
        size += len(item[1]) + 1
        if not parts or size > MAX_MESSAGE_BYTES:
            parts.append([])
            size = len(item[1]) + 1
        parts[-1].append(item)
    return parts
