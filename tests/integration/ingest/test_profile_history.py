"""The events in the order of profiles: the same as in `events`, also those that are older than the table."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from segops_common.contracts.warehouse import HISTORY_COMPLETE_SQL
from segops_common.core.clock import SystemClock
from segops_common.core.faults import NO_FAULTS, FaultPoints
from segops_common.stores.clickhouse import ClickHouse
from segops_common.stores.clickhouse_migrations import migrate
from segops_ingest.adapters.clickhouse.profile_history import ClickHouseProfileHistory
from segops_ingest.adapters.clickhouse.warehouse import MIGRATIONS, SERVICE, ClickHouseWarehouse
from segops_ingest.consumers.history_copier import HistoryCopier
from segops_ingest.domain.inspection import serialise
from segops_ingest.domain.rows import with_source
from segops_ingest.ports.profile_history import CopyFailed

TABLE_ADDED = 8
"""The migration that adds the table."""
MONTHS = ("2024-02", "2025-12", "2026-01", "2026-05")
COLUMNS = (
    "tenant_id, user_key, timestamp, message_id, event_type, position, user_id, anonymous_id, {payload}, removed,"
    " empty_objects, original_timestamp, received_at, source_partition, source_offset, version"
)
PAYLOAD: dict[str, Any] = {"a.b": 1, "n": 2**63 - 1, "f": 1.0, "o": {"e": {}}, "list": [1, {"x.y": 2**62, "z": None}]}


class Crash(Exception):
    """Stands for the end of the process."""


class CrashAfterCopy:
    """Crashes after the first month that is copied."""

    def reach(self, name: str) -> None:
        """See `FaultPoints`."""
        if name == "after_copy":
            raise Crash


@pytest.fixture
async def database(clickhouse_url: str) -> AsyncIterator[ClickHouse]:
    """A client of an empty database."""
    async with own_database(clickhouse_url) as client:
        yield client


@asynccontextmanager
async def own_database(clickhouse_url: str) -> AsyncIterator[ClickHouse]:
    name = f"d_{secrets.token_hex(6)}"
    server = ClickHouse(url=clickhouse_url)
    await server.command(f"CREATE DATABASE {name}")
    client = ClickHouse(url=f"{clickhouse_url.rpartition('/')[0]}/{name}")
    yield client
    await client.close()
    await server.command(f"DROP DATABASE {name}")
    await server.close()


async def until_before(database: ClickHouse, folder: Path) -> None:
    """Bring the database to the schema before the table."""
    for path in MIGRATIONS.glob("*.sql"):
        if int(path.name[:4]) < TABLE_ADDED:
            shutil.copy(path, folder)
    await migrate(database, SERVICE, folder)


async def store(client: ClickHouse, offset: int, *message_ids: str, user: str = "u", **fields: Any) -> None:
    """Insert events of each month as the sink does."""
    lines = [
        serialise(
            {
                "tenant_id": 7,
                "kind": "track",
                "event_type": "e",
                "user_id": user,
                "anonymous_id": "",
                "message_id": message_id,
                "timestamp": f"{month}-29 23:59:59.999",
                "received_at": "2026-05-30 09:00:00.123",
                "payload": PAYLOAD,
                "context": {},
                "removed": [],
            }
            | fields,
            "payload",
        )
        for message_id in message_ids
        for month in MONTHS
    ]
    warehouse = ClickHouseWarehouse(clickhouse=client, faults=NO_FAULTS)
    await warehouse.insert(with_source(b"\n".join(lines), 3, offset), f"3-{offset}")


async def rows(client: ClickHouse, table: str, payload: str) -> Sequence[Any]:
    settings = {"json_type_escape_dots_in_keys": 1, "output_format_json_quote_64bit_integers": 0}
    sql = f"SELECT {COLUMNS.format(payload=payload)} FROM {table} FINAL ORDER BY ALL"
    return [tuple(row) for row in (await client.query(sql, settings=settings)).rows]


async def assert_equal(client: ClickHouse, count: int) -> None:
    by_type = await rows(client, "events", "toJSONString(payload)")
    assert len(by_type) == count
    assert await rows(client, "events_by_profile", "payload") == by_type


async def is_complete(client: ClickHouse) -> bool:
    return int((await client.query(HISTORY_COMPLETE_SQL)).rows[0][0]) > 0


def copier(client: ClickHouse, faults: FaultPoints = NO_FAULTS, *, settled_after_s: int = 0) -> HistoryCopier:
    history = ClickHouseProfileHistory(clickhouse=client, settled_after_s=settled_after_s)
    return HistoryCopier(histories=[history], faults=faults, clock=SystemClock())


async def test_new_tables_need_no_copy_and_the_first_delivery_stays(database: ClickHouse) -> None:
    await migrate(database, SERVICE, MIGRATIONS)
    assert await is_complete(database)
    await database.command("SYSTEM STOP MERGES events_by_profile")
    for offset, position in ((5, 1), (4, 0), (9, 3)):
        await store(database, offset, "m", position=position, payload={"offset": offset})
    await store(database, 4, "m", position=0, payload={"offset": 4})
    kept = await rows(database, "events_by_profile", "payload")
    assert {orjson.loads(row[8])["offset"] for row in kept} == {4}
    raw = await database.query("SELECT count() FROM events_by_profile")
    assert raw.rows[0][0] == 3 * len(MONTHS), "an insert with the same token is dropped"
    await assert_equal(database, len(MONTHS))


async def test_a_part_that_a_crash_left_out_is_added_by_the_repetition(database: ClickHouse) -> None:
    await migrate(database, SERVICE, MIGRATIONS)
    await store(database, 1, "m")
    await database.command("TRUNCATE TABLE events_by_profile")
    await store(database, 1, "m")
    await assert_equal(database, len(MONTHS))


async def test_older_events_are_copied_a_month_at_a_time(database: ClickHouse, tmp_path: Path) -> None:
    """The process crashes after the first month; before and after, the sink stores events, also older ones again."""
    await until_before(database, tmp_path)
    await store(database, 5, "m1", "m2", payload={"late": True})
    await store(database, 2, "m1", "$", position=7, original_timestamp="2026-05-29 09:00:00.000")
    await store(database, 3, "i", event_type="$identify", kind="identify", payload={"plan": None}, removed=["plan"])
    await migrate(database, SERVICE, MIGRATIONS)
    assert not await is_complete(database)
    assert await rows(database, "events_by_profile", "payload") == []

    await store(database, 6, "meanwhile", user="v")
    with pytest.raises(Crash):
        await copier(database, CrashAfterCopy()).copy()
    assert not await is_complete(database)
    await store(database, 1, "m2", position=1)
    await store(database, 7, "late", user="w")
    assert await copier(database).copy()

    assert await is_complete(database)
    await store(database, 8, "after", user="x")
    await assert_equal(database, 7 * len(MONTHS))
    noted = await database.query("SELECT groupUniqArray(name) FROM history_copies")
    assert set(noted.rows[0][0]) == {"view", "complete", *(month.replace("-", "") for month in MONTHS)}


async def test_nothing_is_copied_while_an_insert_may_have_missed_the_table(
    database: ClickHouse, tmp_path: Path
) -> None:
    """Tables without events are not new ones if they were made long ago: a sink may be about to store the first event."""
    await until_before(database, tmp_path)
    await database.command("SYSTEM STOP MERGES schema_migrations")
    await database.command("INSERT INTO schema_migrations (service, number, at) VALUES ('ingest', 1, now() - 3600)")
    await migrate(database, SERVICE, MIGRATIONS)
    assert not await is_complete(database)
    await store(database, 1, "m")
    await database.command("TRUNCATE TABLE events_by_profile")
    assert not await copier(database, settled_after_s=3_600).copy()
    assert await rows(database, "events_by_profile", "payload") == []
    assert await copier(database).copy()
    await assert_equal(database, len(MONTHS))


async def test_two_installations_on_a_server_copy_the_same_month_at_once(
    database: ClickHouse, clickhouse_url: str
) -> None:
    async with own_database(clickhouse_url) as other:
        for client in (database, other):
            await migrate(client, SERVICE, MIGRATIONS)
            await store(client, 1, "m")
        await database.command("ALTER TABLE events_by_profile ADD CONSTRAINT slow CHECK sleep(1) = 0")
        first = asyncio.create_task(ClickHouseProfileHistory(clickhouse=database).copy("202402"))
        running = (
            "SELECT count() FROM system.processes WHERE query_kind = 'Insert' AND current_database = currentDatabase()"
        )
        async with asyncio.timeout(60):
            while not int((await database.query(running)).rows[0][0]):
                assert not first.done()
                await asyncio.sleep(0.01)
        await ClickHouseProfileHistory(clickhouse=other).copy("202402")
        assert not first.done()
        await first


async def test_the_copier_ends_when_the_process_stops(database: ClickHouse) -> None:
    """Also when the table is missing: the copier tries again until then."""
    stop = asyncio.Event()
    with pytest.raises(CopyFailed):
        await copier(database).copy()
    running = asyncio.create_task(copier(database).run(stop))
    await asyncio.sleep(0)
    stop.set()
    await asyncio.wait_for(running, timeout=60)
