"""Log records as the rows that are inserted: the same bytes each time, whoever makes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson


def with_source(value: bytes, partition: int, offset: int) -> bytes:
    """A record's NDJSON with its place in the log in every row.

    Compact JSON has no raw line feed inside a row, so a brace before one always ends a row.
    """
    if not value.endswith(b"\n"):
        value += b"\n"
    return value.replace(b"}\n", b',"source_partition":%d,"source_offset":%d}\n' % (partition, offset))


def rows_of(records: Iterable[tuple[int, bytes]], partition: int) -> bytes:
    """The rows of consecutive records, given as (offset, value)."""
    return b"".join([with_source(value, partition, offset) for offset, value in records])


def dead_row(line: bytes, code: int, reason: str, partition: int, offset: int) -> bytes:
    """A row of `dead_letters`, without line feed: a line that no table takes, with as much as can be said of it."""
    seen = _readable(line)
    tenant_id = seen.get("tenant_id")
    message_id = seen.get("message_id")
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


def _readable(line: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return value if type(value) is dict else {}
