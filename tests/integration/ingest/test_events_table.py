"""The table of events: what its migration takes over, and which of several deliveries of an event stays."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import orjson
import pytest

from segops_common.contracts.warehouse import MERGED_READ_SETTINGS
from segops_common.core.clock import SystemClock
from segops_common.stores.clickhouse import ClickHouse
from segops_common.stores.clickhouse_migrations import SINGLE_NODE, migrate, read_migrations
from segops_ingest.adapters.clickhouse.warehouse import MIGRATIONS, SERVICE, ClickHouseWarehouse
from segops_ingest.domain.rows import with_source

READ: Final = {**MERGED_READ_SETTINGS, "json_type_escape_dots_in_keys": 1, "output_format_json_quote_64bit_integers": 0}
NEXT: Final = 6
"""The migration that makes the table anew."""
STATEMENTS: Final = len(read_migrations(MIGRATIONS)[NEXT - 1].statements(SINGLE_NODE))
PAYLOAD: Final[dict[str, Any]] = {
    "a": {"b": 1},
    "a.b": "dotted",
    "at": "2026-01-31",
    "list": [True, 1, "x", {"k": 2**53 + 1}],
    "n": 2**63 - 1,
}


class NoFaults:
    """Never crashes."""

    def reach(self, name: str) -> None:
        """Ignored."""


@pytest.fixture
async def database(clickhouse_url: str) -> AsyncIterator[ClickHouse]:
    """A client of an empty database."""
    name = f"d_{secrets.token_hex(6)}"
    server = ClickHouse(url=clickhouse_url)
    await server.command(f"CREATE DATABASE {name}")
    client = ClickHouse(url=f"{clickhouse_url.rpartition('/')[0]}/{name}")
    yield client
    await client.close()
    await server.command(f"DROP DATABASE {name}")
    await server.close()


def event(message_id: str, **fields: Any) -> bytes:
    """A record of the topic with one event, in the form that the first version of the service wrote."""
    row = {
        "tenant_id": 7,
        "kind": "track",
        "event_type": "e",
        "user_id": "u",
        "anonymous_id": "",
        "message_id": message_id,
        "timestamp": "2026-01-31 09:00:00.123",
        "received_at": "2026-01-31 09:00:00.123",
        "payload": PAYLOAD,
        "context": {},
        "removed": [],
    }
    return orjson.dumps(row | fields) + b"\n"


async def insert(client: ClickHouse, value: bytes, offset: int) -> None:
    """Insert a record as the sink does."""
    warehouse = ClickHouseWarehouse(clickhouse=client, faults=NoFaults())
    await warehouse.insert(with_source(value, 3, offset), f"3-{offset}")


async def payloads(client: ClickHouse, *, final: bool = True) -> dict[str, Any]:
    """Return the payload of each message id."""
    table = f"events {'FINAL' * final}"
    result = await client.query(f"SELECT message_id, toJSONString(payload) FROM {table}", settings=READ)
    assert len({row[0] for row in result.rows}) == len(result.rows)
    return {str(message_id): orjson.loads(text) for message_id, text in result.rows}


async def profiles(client: ClickHouse) -> set[tuple[str, str]]:
    result = await client.query("SELECT user_id, toString(first_seen) FROM profile_seen FINAL")
    return {(str(user), str(at)) for user, at in result.rows}


async def until_before(client: ClickHouse, folder: Path) -> None:
    """Bring the database to the schema before the new table."""
    for path in MIGRATIONS.glob("*.sql"):
        if int(path.name[:4]) < NEXT:
            shutil.copy(path, folder)
    await migrate(client, SERVICE, folder)


@pytest.mark.parametrize("statements", [0, 2, 4, STATEMENTS])
async def test_the_events_are_taken_over_wherever_the_migration_was_interrupted(
    database: ClickHouse, tmp_path: Path, statements: int
) -> None:
    await until_before(database, tmp_path)
    clock = SystemClock().now()
    months = [f"{clock.year - 1 - month // 12}-{1 + month % 12:02}-10 00:00:00.000" for month in range(13)]
    rows = b"".join(event(f"m{i}", timestamp=at) for i, at in enumerate(months))
    await insert(database, rows, 1)
    for statement in read_migrations(MIGRATIONS)[NEXT - 1].statements(SINGLE_NODE)[:statements]:
        await database.command(statement)
    await insert(database, event("meanwhile", user_id="v"), 2)

    await migrate(database, SERVICE, MIGRATIONS)

    await insert(database, event("after", user_id="w", position=4, original_timestamp="2026-01-30 09:00:00.000"), 3)
    ids = {*(f"m{i}" for i in range(13)), "meanwhile", "after"}
    assert await payloads(database) == dict.fromkeys(ids, PAYLOAD)
    assert await profiles(database) == {
        ("u", months[12]), ("v", "2026-01-31 09:00:00.123"), ("w", "2026-01-31 09:00:00.123"),
    }  # fmt: skip
    newest = await database.query(
        "SELECT position, toString(original_timestamp), version = bitNot(toUInt64(4)) FROM events WHERE message_id = 'after'"
    )
    assert [tuple(row) for row in newest.rows] == [(4, "2026-01-30 09:00:00.000", 1)]
    assert await migrate(database, SERVICE, MIGRATIONS) == []
    tables = await database.query("SELECT name FROM system.tables WHERE database = currentDatabase()")
    assert not [name for (name,) in tables.rows if "next" in str(name)]


async def test_the_first_accepted_delivery_stays(database: ClickHouse) -> None:
    await migrate(database, SERVICE, MIGRATIONS)
    await database.command("SYSTEM STOP MERGES events")
    for offset in (5, 9, 4, 7):
        await insert(database, event("m", payload={"offset": offset}), offset)
    imported = orjson.loads(event("m", payload={"offset": "imported"})) | {"version": 2**63 - 1 - 1}
    await insert(database, orjson.dumps(imported) + b"\n", 1)
    assert await payloads(database) == {"m": {"offset": 4}}

    await insert(database, event("m", payload={"offset": 4}), 4)
    raw = await database.query("SELECT count() FROM events")
    assert raw.rows[0][0] == 5, "an insert with the same token is dropped"

    await database.command("SYSTEM START MERGES events")
    await database.command("OPTIMIZE TABLE events FINAL")
    assert await payloads(database, final=False) == {"m": {"offset": 4}}


async def test_a_deleted_event_is_gone_with_all_its_deliveries(database: ClickHouse) -> None:
    await migrate(database, SERVICE, MIGRATIONS)
    for offset in (5, 4):
        await insert(database, event("m"), offset)
        await insert(database, event("kept"), offset + 10)
    await database.command("DELETE FROM events WHERE message_id = 'm'")
    assert await payloads(database) == {"kept": PAYLOAD}
