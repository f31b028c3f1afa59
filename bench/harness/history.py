"""Generated events, made inside of ClickHouse: the same number gives the same history."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from segops_common.contracts.warehouse import EVENTS_TABLE, JSON_INSERT_SETTINGS
from segops_common.stores.clickhouse import ClickHouse
from segops_membership.adapters.evaluation import ClickHouseProfiles
from segops_membership.domain.instants import to_ms

TENANT: Final = 1
AS_OF: Final = datetime(2026, 6, 30, 12, tzinfo=UTC)
AS_OF_MS: Final = to_ms(AS_OF)
EVENTS_PER_USER: Final = 33
DAYS: Final = 90
SHARES: Final[dict[str, int]] = {
    "page_viewed": 40,
    "search": 20,
    "login": 15,
    "purchase": 10,
    "invited": 10,
    "exported": 5,
}
"""Percent of all events."""
_CHUNK: Final = 500_000


def _event_type_sql() -> str:
    limit, parts = 0, []
    for name, share in SHARES.items():
        limit += share
        parts.append(f"r < {limit}, '{name}'")
    return f"multiIf({', '.join(parts)}, 'other')"


def insert_sql(events: int) -> str:
    """One statement for the events with the numbers from {first} on; {count} of them."""
    payload = (
        "concat('{\"path\":\"', arrayElement(['/', '/pricing', '/docs', '/blog', '/signup'], 1 + h % 5), "
        "'\",\"price\":', toString(intDiv(h, 7) % 300), '.5,\"quantity\":', toString(1 + intDiv(h, 11) % 4), '}')"
    )
    columns = (
        f"{{tenant:UInt64}} AS tenant_id, {_event_type_sql()} AS event_type, "
        f"fromUnixTimestamp64Milli({{as_of:Int64}} - toInt64(cityHash64(number, 'at') % {DAYS * 86_400_000}), 'UTC')"
        " AS timestamp, concat('m', toString(number)) AS message_id, 'track' AS kind, "
        f"concat('user-', toString(cityHash64(number, 'user') % {max(1, events // EVENTS_PER_USER)})) AS user_id, "
        f"'' AS anonymous_id, CAST({payload}, 'JSON') AS payload, CAST('{{}}', 'JSON') AS context, "
        "CAST([], 'Array(String)') AS removed, timestamp AS received_at, 0 AS source_partition, number AS source_offset"
    )
    names = "tenant_id, event_type, timestamp, message_id, kind, user_id, anonymous_id, payload, context, removed"
    numbers = (
        "SELECT number, cityHash64(number, 'type') % 100 AS r, cityHash64(number, 'payload') AS h"
        " FROM numbers({first:UInt64}, {count:UInt64})"
    )
    target = f"{EVENTS_TABLE} ({names}, received_at, source_partition, source_offset)"
    return f"INSERT INTO {target} SELECT {columns} FROM ({numbers})"


async def generate(clickhouse: ClickHouse, events: int) -> None:
    """Store the events, merged as they are after a while, with every profile numbered."""
    for first in range(0, events, _CHUNK):
        await clickhouse.command(
            insert_sql(events),
            {"tenant": TENANT, "as_of": AS_OF_MS, "first": first, "count": min(_CHUNK, events - first)},
            settings=JSON_INSERT_SETTINGS,
        )
    for table in (EVENTS_TABLE, "profile_seen"):
        await clickhouse.command(f"OPTIMIZE TABLE {table} FINAL", timeout_s=600)
    profiles = ClickHouseProfiles(clickhouse=clickhouse)
    await profiles.number(TENANT, 1, await profiles.unnumbered(TENANT), 1)
