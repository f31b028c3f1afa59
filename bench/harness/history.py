"""Generates events inside ClickHouse. The same number of events always gives the same history."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from segops_common.contracts.warehouse import EVENTS_TABLE, JSON_INSERT_SETTINGS
from segops_common.stores.clickhouse import ClickHouse
from segops_language.values.instants import to_ms
from segops_membership.adapters.clickhouse.profiles import ClickHouseProfiles

TENANT: Final = 1
AS_OF: Final = datetime(2026, 6, 30, 12, tzinfo=UTC)
AS_OF_MS: Final = to_ms(AS_OF)
EVENTS_PER_USER: Final = 33
"""In a history with fewer than MOST_USERS users. One of these events is the call that sets the traits."""
MOST_USERS: Final = 600_000
DAYS: Final = 90
LEADING: Final[dict[str, int]] = {
    "page_viewed": 320,
    "search": 150,
    "login": 100,
    "add_to_cart": 60,
    "purchase": 50,
    "export": 40,
    "invite": 30,
    "comment": 20,
    "upload": 20,
    "share": 10,
}
RARE: Final = 40
SHARES: Final[dict[str, int]] = LEADING | {f"feature_{number:02}_used": 5 for number in range(RARE)}
"""Events of each type in 1,000 tracked events."""
_CHUNK: Final = 500_000
_COLUMNS: Final = (
    "tenant_id, event_type, timestamp, message_id, kind, user_id, anonymous_id, payload, context, removed, "
    "received_at, source_partition, source_offset"
)
_REST: Final = (
    "'' AS anonymous_id, CAST({payload}, 'JSON') AS payload, CAST('{{}}', 'JSON') AS context, "
    "CAST([], 'Array(String)') AS removed, timestamp AS received_at, 0 AS source_partition, number AS source_offset"
)


def _event_type_sql() -> str:
    limit, parts = 0, []
    for name, share in SHARES.items():
        limit += share
        parts.append(f"r < {limit}, '{name}'")
    return f"multiIf({', '.join(parts)}, 'page_viewed')"


def users_of(events: int) -> int:
    """Return the number of profiles in a history of this many tracked events."""
    return max(1, min(events // EVENTS_PER_USER, MOST_USERS))


def insert_sql(events: int) -> str:
    """Return a statement that inserts {count} tracked events, numbered from {first}."""
    payload = (
        "concat('{\"path\":\"', arrayElement(['/', '/pricing', '/docs', '/blog', '/signup'], 1 + h % 5), "
        '\'","price":\', toString(intDiv(h, 7) % 300), \'.5,"quantity":\', toString(1 + intDiv(h, 11) % 4), '
        "',\"button\":\"', arrayElement(['buy', 'more', 'back'], 1 + intDiv(h, 13) % 3), '\"}')"
    )
    columns = (
        f"{{tenant:UInt64}} AS tenant_id, {_event_type_sql()} AS event_type, "
        f"fromUnixTimestamp64Milli({{as_of:Int64}} - toInt64(cityHash64(number, 'at') % {DAYS * 86_400_000}), 'UTC')"
        " AS timestamp, concat('m', toString(number)) AS message_id, 'track' AS kind, "
        f"concat('user-', toString(cityHash64(number, 'user') % {users_of(events)})) AS user_id, "
        f"{_REST.format(payload=payload)}"
    )
    numbers = (
        "SELECT number, cityHash64(number, 'type') % 1000 AS r, cityHash64(number, 'payload') AS h"
        " FROM numbers({first:UInt64}, {count:UInt64})"
    )
    return f"INSERT INTO {EVENTS_TABLE} ({_COLUMNS}) SELECT {columns} FROM ({numbers})"


def traits_sql() -> str:
    """Return a statement that inserts the identify calls of {count} users, numbered from {first}."""
    payload = (
        "concat('{\"plan\":\"', arrayElement(['free', 'starter', 'team'], 1 + h % 3), '\",\"country\":\"', "
        "arrayElement(['de', 'fr', 'us', 'jp'], 1 + intDiv(h, 3) % 4), '\",\"seats\":', toString(intDiv(h, 5) % 50), '}')"
    )
    columns = (
        "{tenant:UInt64} AS tenant_id, '$identify' AS event_type, "
        f"fromUnixTimestamp64Milli({{as_of:Int64}} - toInt64({DAYS * 86_400_000}), 'UTC') AS timestamp, "
        "concat('i', toString(number)) AS message_id, 'identify' AS kind, concat('user-', toString(number)) AS user_id, "
        f"{_REST.format(payload=payload)}"
    )
    numbers = "SELECT number, cityHash64(number, 'traits') AS h FROM numbers({first:UInt64}, {count:UInt64})"
    return f"INSERT INTO {EVENTS_TABLE} ({_COLUMNS}) SELECT {columns} FROM ({numbers})"


async def generate(clickhouse: ClickHouse, events: int) -> None:
    """Store the events, merge them, and number every profile."""
    await _insert(clickhouse, insert_sql(events), range(events))
    await _insert(clickhouse, traits_sql(), range(users_of(events)))
    for table in (EVENTS_TABLE, "profile_seen"):
        await clickhouse.command(f"OPTIMIZE TABLE {table} FINAL", timeout_s=1_800)
    profiles = ClickHouseProfiles(clickhouse=clickhouse)
    await profiles.assign_numbers(TENANT, 1, await profiles.count_pending(TENANT), 1)


async def add(clickhouse: ClickHouse, events: int, more: int) -> None:
    """Store `more` tracked events of the same users after the first `events`, and keep them unmerged."""
    await clickhouse.command("SYSTEM STOP MERGES events")
    await _insert(clickhouse, insert_sql(events), range(events, events + more))


async def _insert(clickhouse: ClickHouse, sql: str, numbers: range) -> None:
    for first in numbers[::_CHUNK]:
        values = {"tenant": TENANT, "as_of": AS_OF_MS, "first": first, "count": min(_CHUNK, numbers.stop - first)}
        await clickhouse.command(sql, values, settings=JSON_INSERT_SETTINGS)
