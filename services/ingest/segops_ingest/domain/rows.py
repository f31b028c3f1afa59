"""Converts log records to the rows to insert. The same record always gives the same bytes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import orjson

CONFLICTING: Final = 0
"""Code of a rejected event that the warehouse itself would accept."""
CONFLICT_REASON: Final = (
    "must have the content of its first delivery, which stands: use a new `message_id` for a new event"
)


def with_source(value: bytes, partition: int, offset: int) -> bytes:
    """Return the record's NDJSON with its partition and offset added to every row.

    Compact JSON has no line feed within a row, so a brace before a line feed always ends a row.
    """
    if not value.endswith(b"\n"):
        value += b"\n"
    return value.replace(b"}\n", b',"source_partition":%d,"source_offset":%d}\n' % (partition, offset))


def rows_of(records: Iterable[tuple[int, bytes]], partition: int) -> bytes:
    """Return the rows of consecutive records, given as (offset, value)."""
    return b"".join([with_source(value, partition, offset) for offset, value in records])


def dead_row(line: bytes, code: int, reason: str, partition: int, offset: int) -> bytes:
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
            "source_partition": partition,
            "source_offset": offset,
        }
    )


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return value if type(value) is dict else {}
