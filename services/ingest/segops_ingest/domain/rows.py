"""Converts log records to the rows to insert. The same record always gives the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import orjson

from segops_common.contracts.events import QuarantinedEvent
from segops_common.contracts.warehouse import shard_of, version_of
from segops_common.streams.log import TopicPartition
from segops_ingest.domain.limits import MAX_INSERT_MONTHS

_MONTH_CHARS: Final = len("2026-05")
CONFLICTING: Final = 0
"""Code of a rejected event that the warehouse itself would accept."""
QUARANTINED: Final = 1_000_000
"""Code of an event that violates the schema of its type. The warehouse itself has no such code."""
CONFLICT_REASON: Final = (
    "must have the content of its first delivery, which stands: use a new `message_id` for a new event"
)


def with_source(value: bytes, partition: int, offset: int, *, is_import: bool = False) -> bytes:
    """Return the record's NDJSON with its partition and offset added to every row, and its version if it is an import.

    Compact JSON has no line feed within a row, so a brace before a line feed always ends a row.
    """
    if not value.endswith(b"\n"):
        value += b"\n"
    version = b',"version":%d' % version_of(offset, is_import=True) if is_import else b""
    return value.replace(b"}\n", b',"source_partition":%d,"source_offset":%d%b}\n' % (partition, offset, version))


def rows_of(records: Iterable[tuple[int, bytes]], partition: int, *, is_import: bool = False) -> bytes:
    """Return the rows of consecutive records, given as (offset, value)."""
    return b"".join([with_source(value, partition, offset, is_import=is_import) for offset, value in records])


def by_months(rows: bytes) -> Iterator[bytes]:
    """Yield the rows by month, at most MAX_INSERT_MONTHS months at a time. The cuts depend on the rows alone."""
    months: dict[str, list[bytes]] = {}
    for line in rows.split(b"\n")[:-1]:
        months.setdefault(_month(line), []).append(line)
    ordered = sorted(months)
    for start in range(0, len(ordered), MAX_INSERT_MONTHS):
        lines = [line for month in ordered[start : start + MAX_INSERT_MONTHS] for line in months[month]]
        yield b"\n".join(lines) + b"\n"


def by_shards(rows: bytes, shards: int) -> Mapping[int, bytes]:
    """Return the rows of each shard of the warehouse. All rows of a profile are on one shard."""
    if shards == 1:
        return {0: rows}
    return _shared_out(rows, lambda event: shard_of(_text(event, "user_id"), _text(event, "anonymous_id"), shards))


def dead_by_shards(rows: bytes, shards: int) -> Mapping[int, bytes]:
    """Return the rows of `dead_letters` of each shard. All rows of a tenant are on one shard."""
    return {0: rows} if shards == 1 else _shared_out(rows, lambda letter: int(letter["tenant_id"]) % shards)


def _shared_out(rows: bytes, shard: Callable[[dict[str, Any]], int]) -> Mapping[int, bytes]:
    lines: dict[int, list[bytes]] = {}
    for line in rows.rstrip(b"\n").split(b"\n"):
        lines.setdefault(shard(_parsed(line)), []).append(line)
    return {index: b"\n".join(lines[index]) + b"\n" for index in sorted(lines)}


def _text(event: dict[str, Any], name: str) -> str:
    value = event.get(name)
    return value if type(value) is str else ""


def _month(line: bytes) -> str:
    """Return the month of a row, '' for a line that the warehouse will refuse."""
    timestamp = _parsed(line).get("timestamp")
    return timestamp[:_MONTH_CHARS] if type(timestamp) is str else ""


def dead_row(line: bytes, code: int, reason: str, source: TopicPartition, offset: int) -> bytes:
    """Return a row of `dead_letters`, without a line feed, for a line that the warehouse refused."""
    event = _parsed(line)
    tenant_id = event.get("tenant_id")
    message_id = event.get("message_id")
    return orjson.dumps(
        {
            "tenant_id": tenant_id if type(tenant_id) is int and tenant_id >= 0 else 0,
            "message_id": message_id if type(message_id) is str else "",
            "code": code,
            "reason": reason,
            "line": line.decode(errors="replace"),
            "topic": source.topic,
            "source_partition": source.partition,
            "source_offset": offset,
        }
    )


def quarantined_row(event: QuarantinedEvent, source: TopicPartition) -> bytes:
    """Return a row of `dead_letters`, without a line feed. Each delivery of an event gives the same key, so it is one letter."""
    return orjson.dumps(
        {
            "tenant_id": event.tenant_id,
            "message_id": event.message_id,
            "code": QUARANTINED,
            "reason": event.reason,
            "line": event.line,
            "topic": source.topic,
            "source_partition": 0,
            "source_offset": event.place,
        }
    )


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return value if type(value) is dict else {}
