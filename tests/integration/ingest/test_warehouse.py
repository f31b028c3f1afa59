"""The sink's inserts on a real ClickHouse: refusals, inserts that are too heavy, and repetitions."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import pytest

from segops_common.core.faults import NO_FAULTS
from segops_common.stores.clickhouse import ClickHouse, ClickHouseError
from segops_common.stores.clickhouse_migrations import migrate
from segops_ingest.adapters.clickhouse.warehouse import MIGRATIONS, SERVICE, ClickHouseWarehouse
from segops_ingest.domain.rows import with_source
from segops_ingest.ports.warehouse import InsertFailed, InsertRefused, InsertTooHeavy


@pytest.fixture
async def database(clickhouse_url: str) -> AsyncIterator[ClickHouse]:
    """The tables of ingest in a database of the test, which may break them."""
    async with own_database(clickhouse_url) as clickhouse:
        yield clickhouse


@asynccontextmanager
async def own_database(clickhouse_url: str) -> AsyncIterator[ClickHouse]:
    owner, name = ClickHouse(url=clickhouse_url), f"sink_{secrets.token_hex(4)}"
    await owner.command(f"CREATE DATABASE {name}")
    clickhouse = ClickHouse(url=f"{clickhouse_url.rpartition('/')[0]}/{name}")
    await migrate(clickhouse, SERVICE, MIGRATIONS)
    yield clickhouse
    await clickhouse.close()
    await owner.command(f"DROP DATABASE {name} SYNC")
    await owner.close()


def lines(*message_ids: str) -> bytes:
    rows = [
        {
            "tenant_id": 1,
            "kind": "track",
            "event_type": "e",
            "user_id": "u",
            "anonymous_id": "",
            "message_id": message_id,
            "timestamp": "2026-05-20 12:00:00.000",
            "received_at": "2026-05-20 12:00:00.000",
            "payload": {},
            "context": {},
            "removed": [],
        }
        for message_id in message_ids
    ]
    return with_source(b"\n".join(orjson.dumps(row) for row in rows), 0, 7)


def hostile_lines() -> bytes:
    """Return 96 events of 400 names each that no other event has, over 12 months; half of the names are inside arrays."""
    rows = []
    for number in range(96):
        (row,) = map(orjson.loads, lines(str(number)).splitlines())
        plain = {f"k{number}_{name}": name for name in range(200)}
        nested = {f"a{number}_{name}": [{f"b{number}_{inner}": 1 for inner in range(20)}] for name in range(10)}
        at = f"2026-{1 + number % 12:02}-20 12:00:00.000"
        rows.append(orjson.dumps({**row, "timestamp": at, "payload": {**plain, **nested}}) + b"\n")
    return b"".join(rows)


def warehouse_on(clickhouse: ClickHouse) -> ClickHouseWarehouse:
    return ClickHouseWarehouse(clickhouse=clickhouse, faults=NO_FAULTS)


async def stored(clickhouse: ClickHouse) -> list[str]:
    result = await clickhouse.query("SELECT message_id FROM events ORDER BY message_id")
    return [str(row[0]) for row in result.rows]


async def test_rows_that_the_warehouse_refuses_for_any_reason_are_refused(database: ClickHouse) -> None:
    """The code of the refusal is not a known one: only the rows can be at fault, because an insert without rows succeeds."""
    await database.command("ALTER TABLE events ADD CONSTRAINT fair CHECK message_id != 'bad'")
    with pytest.raises(InsertRefused) as refused:
        await warehouse_on(database).insert(lines("bad"), "t1")
    assert refused.value.code == 469
    await warehouse_on(database).insert(lines("good"), "t2")
    assert await stored(database) == ["good"]


async def test_an_insert_that_fails_without_rows_too_is_no_fault_of_the_rows(database: ClickHouse) -> None:
    await database.command("RENAME TABLE events TO away")
    with pytest.raises(InsertFailed):
        await warehouse_on(database).insert(lines("m"), "t")


async def test_a_repetition_ends_its_predecessor(database: ClickHouse) -> None:
    """Both have the same token, and may come from two processes. The first one is not stored after the second one."""
    await _store_slowly(database, 2.5)
    first = asyncio.create_task(warehouse_on(database).insert(lines("m1"), "t"))
    async with asyncio.timeout(60):
        while not await _running(database):
            assert not first.done()
            await asyncio.sleep(0.01)
    await warehouse_on(database).insert(lines("m2"), "t")
    with pytest.raises(InsertFailed):
        await first
    assert await stored(database) == ["m2"]


async def test_the_same_token_in_two_databases_is_no_repetition(database: ClickHouse, clickhouse_url: str) -> None:
    """Two installations on one server."""
    async with own_database(clickhouse_url) as other:
        await _store_slowly(database, 1)
        first = asyncio.create_task(warehouse_on(database).insert(lines("m1"), "t"))
        async with asyncio.timeout(60):
            while not await _running(database):
                assert not first.done()
                await asyncio.sleep(0.01)
        await warehouse_on(other).insert(lines("m2"), "t")
        await first
        assert (await stored(database), await stored(other)) == (["m1"], ["m2"])


async def test_an_insert_that_takes_too_long_is_over_when_it_says_so(database: ClickHouse) -> None:
    """So that its halves never run at the same time as the whole."""
    await _store_slowly(database, 1)
    # The server is given 6 seconds to confirm: they must not go by while the first connection for it opens.
    await database.check()
    warehouse = ClickHouseWarehouse(clickhouse=database, faults=NO_FAULTS, timeout_s=0.5)
    with pytest.raises(InsertTooHeavy):
        await warehouse.insert(lines("m"), "t")
    assert not await _running(database)
    assert await stored(database) == []


async def test_two_callers_can_end_the_same_insert(database: ClickHouse) -> None:
    """The one that gave up waiting, and the client's own clean-up after it."""
    await _store_slowly(database, 2.5)
    insert = asyncio.create_task(
        database.insert_json_lines("events", lines("m"), settings={"query_id": "ended-twice", "max_execution_time": 60})
    )
    async with asyncio.timeout(60):
        while not await _running(database):
            await asyncio.sleep(0.01)
    assert await asyncio.gather(*(database.end("ended-twice") for _ in range(8))) == [True] * 8
    with pytest.raises(ClickHouseError):
        await insert
    assert await stored(database) == []


async def test_no_payload_makes_many_columns(database: ClickHouse) -> None:
    """Thousands of streams in each part made such an insert take minutes, and merges run out of open files."""
    await warehouse_on(database).insert(hostile_lines(), "t")
    result = await database.query(
        "SELECT count(), max(length(substreams)) FROM system.parts_columns"
        " WHERE active AND database = currentDatabase() AND table = 'events' AND column = 'payload'"
    )
    parts, streams = result.rows[0]
    assert int(parts) == 12
    assert int(streams) < 500
    names = await database.query("SELECT countDistinct(arrayJoin(JSONAllPaths(payload))) FROM events")
    assert int(names.rows[0][0]) == 96 * 210


async def _store_slowly(database: ClickHouse, seconds: float) -> None:
    """Make every insert take so long. The server cannot interrupt it."""
    await database.command(f"ALTER TABLE events ADD CONSTRAINT slow CHECK sleep({seconds}) = 0")


async def _running(database: ClickHouse) -> bool:
    result = await database.query(
        "SELECT count() FROM system.processes WHERE query_kind = 'Insert' AND current_database = currentDatabase()"
    )
    return int(result.rows[0][0]) > 0
