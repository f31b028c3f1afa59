"""The ClickHouse store and its migrations, on a real engine."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from segops_common.core.clock import SystemClock
from segops_common.runtime.migrations import ClickHouseMigrations
from segops_common.stores.clickhouse import (
    TIMEOUT_EXCEEDED,
    ClickHouse,
    ClickHouseDataError,
    ClickHouseError,
    ClickHouseUnavailable,
)
from segops_common.stores.clickhouse_migrations import ChangedMigrationError, migrate, pending_migrations
from segops_common.stores.cluster.tables import DEFAULT_CLUSTER


@pytest.fixture
async def clickhouse(clickhouse_url: str) -> AsyncIterator[ClickHouse]:
    client = ClickHouse(url=clickhouse_url)
    yield client
    await client.close()


@pytest.fixture
async def table(clickhouse: ClickHouse) -> str:
    name = f"t_{secrets.token_hex(6)}"
    await clickhouse.command(f"CREATE TABLE {name} (id UInt64, text String) ENGINE = MergeTree ORDER BY id")
    return name


async def test_values_are_bound_whatever_they_hold(clickhouse: ClickHouse) -> None:
    hostile = "'); DROP TABLE x -- \\ \n \t {y:String} \u00e9 \U0001f600"
    result = await clickhouse.query("SELECT {x:String}, {n:UInt64}", {"x": hostile, "n": 2**64 - 1})
    assert [tuple(row) for row in result.rows] == [(hostile, 2**64 - 1)]


async def test_rows_and_json_lines_are_stored_when_acknowledged(clickhouse: ClickHouse, table: str) -> None:
    await clickhouse.insert(table, [(1, "a"), (2, "b")], ("id", "text"))
    await clickhouse.insert_json_lines(table, b'{"id": 3, "text": "c"}\n{"id": 4, "text": "d"}\n')
    result = await clickhouse.query(f"SELECT id, text FROM {table} ORDER BY id")
    assert [tuple(row) for row in result.rows] == [(1, "a"), (2, "b"), (3, "c"), (4, "d")]
    assert result.rows_read == 4
    assert result.bytes_read > 0


async def test_a_data_error_differs_from_other_errors(clickhouse: ClickHouse, table: str) -> None:
    with pytest.raises(ClickHouseDataError):
        await clickhouse.insert_json_lines(table, b'{"id": "x", "text": "c"}\n')
    with pytest.raises(ClickHouseError) as unknown:
        await clickhouse.query("SELECT * FROM no_such_table")
    assert unknown.value.code == 60
    assert not isinstance(unknown.value, ClickHouseDataError | ClickHouseUnavailable)


async def test_a_slow_statement_and_a_dead_server_are_unavailable(clickhouse: ClickHouse) -> None:
    with pytest.raises(ClickHouseUnavailable):
        await clickhouse.query(
            "SELECT sum(sipHash64(number)) FROM numbers(100000000000)", settings={"max_execution_time": 1}
        )
    dead = ClickHouse(url="http://default:@127.0.0.1:9/segops")
    with pytest.raises(ClickHouseUnavailable):
        await dead.check()


async def test_migrations_run_once_in_order_and_may_not_change(clickhouse: ClickHouse, tmp_path: Path) -> None:
    service = f"s_{secrets.token_hex(6)}"
    first = tmp_path / "0001_first.sql"
    first.write_text(f"CREATE TABLE IF NOT EXISTS {service} (a UInt8) ENGINE = ${{merge_tree}} ORDER BY a;\n")
    (tmp_path / "0002_second.sql").write_text(
        f"ALTER TABLE {service} ADD COLUMN IF NOT EXISTS b UInt8;\nALTER TABLE {service} ADD COLUMN IF NOT EXISTS c UInt8;\n"
    )
    assert [m.name for m in await pending_migrations(clickhouse, service, tmp_path)] == ["first", "second"]
    assert [m.name for m in await migrate(clickhouse, service, tmp_path)] == ["first", "second"]
    assert await migrate(clickhouse, service, tmp_path) == []
    await clickhouse.insert(service, [(1, 2, 3)], ("a", "b", "c"))
    first.write_text(first.read_text() + "-- changed\n")
    with pytest.raises(ChangedMigrationError):
        await migrate(clickhouse, service, tmp_path)


async def test_migrate_creates_the_database_of_a_single_server(clickhouse_url: str, tmp_path: Path) -> None:
    """An operator starts a server from an image, and nothing else has created it."""
    (tmp_path / "0001_first.sql").write_text(
        "CREATE TABLE IF NOT EXISTS t (a UInt8) ENGINE = ${merge_tree} ORDER BY a;\n"
    )
    database = f"d_{secrets.token_hex(6)}"
    url = f"{clickhouse_url.rpartition('/')[0]}/{database}"
    step = ClickHouseMigrations(url, "service", tmp_path, None, DEFAULT_CLUSTER)
    assert await step.pending() == [f"database {database}"]
    assert await step.apply() == ["0001_first"]
    assert [*await step.pending(), *await step.apply()] == []


async def test_a_statement_whose_condition_holds_is_skipped(clickhouse: ClickHouse, tmp_path: Path) -> None:
    service = f"s_{secrets.token_hex(6)}"
    once = f"-- unless SELECT count() FROM {service}\nINSERT INTO {service} VALUES (1);\n"
    (tmp_path / "0001_first.sql").write_text(
        f"CREATE TABLE {service} (a UInt8) ENGINE = ${{merge_tree}} ORDER BY a;\n{once}{once}"
    )
    await migrate(clickhouse, service, tmp_path)
    assert [tuple(row) for row in (await clickhouse.query(f"SELECT a FROM {service}")).rows] == [(1,)]


async def test_a_gap_in_the_numbers_is_refused(clickhouse: ClickHouse, tmp_path: Path) -> None:
    (tmp_path / "0002_second.sql").write_text("SELECT 1;\n")
    with pytest.raises(ValueError, match="without a gap"):
        await migrate(clickhouse, "gap", tmp_path)


async def test_statements_of_one_client_run_side_by_side(clickhouse: ClickHouse) -> None:
    async def sleep() -> None:
        await clickhouse.query("SELECT sleep(3)")

    started = SystemClock().monotonic()
    await asyncio.gather(*(sleep() for _ in range(4)))
    assert SystemClock().monotonic() - started < 9


@pytest.mark.parametrize("how", ["cancelled", "timed out"])
async def test_a_statement_ends_in_the_engine_with_its_caller(clickhouse: ClickHouse, how: str) -> None:
    mark = f"slow_{secrets.token_hex(6)}"
    slow = f"SELECT count() AS {mark} FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))"

    async def running() -> bool:
        sql = "SELECT count() FROM system.processes WHERE query LIKE {mark:String} AND query NOT LIKE '%processes%'"
        return bool((await clickhouse.query(sql, {"mark": f"%{mark}%"})).rows[0][0])

    call = asyncio.create_task(clickhouse.query(slow, timeout_s=600 if how == "cancelled" else 2))
    async with asyncio.timeout(60):
        while not await running():
            await asyncio.sleep(0.02)
        if how == "cancelled":
            call.cancel()
        with pytest.raises(asyncio.CancelledError if how == "cancelled" else ClickHouseUnavailable):
            await call
        while await running():
            await asyncio.sleep(0.02)


async def test_a_time_out_does_not_spoil_the_client(clickhouse: ClickHouse) -> None:
    with pytest.raises(ClickHouseUnavailable):
        await clickhouse.query("SELECT sleep(2)", timeout_s=0.2)
    await clickhouse.check()


async def test_a_call_may_take_longer_than_its_client_allows_others(clickhouse_url: str) -> None:
    """A server sends nothing while it computes: the driver's own limit must not end what was given more time."""
    client = ClickHouse(url=clickhouse_url, timeout_s=1.0)
    await client.query("SELECT 1")
    await client.query("SELECT sleep(3)", timeout_s=60)
    with pytest.raises(ClickHouseUnavailable):
        await client.query("SELECT sleep(3)")
    await client.close()


SLOW_ROW = "length(arrayFilter(x -> sipHash64(x) = 0, range(2000000 + id)))"
"""A value that a server computes for a noticeable time."""


async def running_ids(clickhouse: ClickHouse) -> set[str]:
    result = await clickhouse.query("SELECT query_id FROM system.processes WHERE query NOT LIKE '%system.processes%'")
    return {str(row[0]) for row in result.rows}


async def slow_table(clickhouse: ClickHouse) -> str:
    name = f"t_{secrets.token_hex(6)}"
    await clickhouse.command(
        f"CREATE TABLE {name} (id UInt64, slow UInt64 DEFAULT {SLOW_ROW}) ENGINE = MergeTree ORDER BY id"
    )
    return name


async def begin(clickhouse: ClickHouse, observer: ClickHouse, statement: str, query_id: str) -> asyncio.Task[None]:
    """Start one of the statements below that would run for minutes, and return when the server runs it."""
    one_row_a_block: dict[str, str | int | float] = {
        "max_insert_block_size": 1,
        "min_insert_block_size_rows": 1,
        "query_id": query_id,
    }

    async def run() -> None:
        if statement == "insert":
            rows = b'{"id": 1}\n' * 20_000
            await clickhouse.insert_json_lines(
                await slow_table(observer), rows, settings=one_row_a_block, timeout_s=600
            )
        else:
            sql = "SELECT sum(sipHash64(number)) FROM numbers(1000000000000)"
            await clickhouse.query(sql, settings={"query_id": query_id}, timeout_s=600)

    task = asyncio.create_task(run())
    while query_id not in await running_ids(observer):
        await asyncio.sleep(0.01)
    return task


async def gone(clickhouse: ClickHouse, query_id: str) -> None:
    async with asyncio.timeout(60):
        while query_id in await running_ids(clickhouse):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("statement", ["insert", "query"])
async def test_a_statement_without_its_caller_ends_in_the_server(
    clickhouse: ClickHouse, clickhouse_url: str, statement: str
) -> None:
    observer, query_id = ClickHouse(url=clickhouse_url), secrets.token_hex(6)
    caller = await begin(clickhouse, observer, statement, query_id)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await gone(observer, query_id)
    await observer.close()


async def test_a_statement_that_takes_too_long_ends_in_the_server(clickhouse: ClickHouse, clickhouse_url: str) -> None:
    observer, query_id = ClickHouse(url=clickhouse_url), secrets.token_hex(6)
    with pytest.raises(ClickHouseUnavailable) as late:
        await clickhouse.query(
            "SELECT sum(sipHash64(number)) FROM numbers(1000000000000)", settings={"query_id": query_id}, timeout_s=0.5
        )
    assert late.value.code == TIMEOUT_EXCEEDED
    await gone(observer, query_id)
    await observer.close()


async def test_a_statement_can_be_ended_while_all_connections_are_busy(clickhouse_url: str) -> None:
    """The check needs no free connection either."""
    client, observer = ClickHouse(url=clickhouse_url, max_connections=1), ClickHouse(url=clickhouse_url)
    query_id = secrets.token_hex(6)
    caller = await begin(client, observer, "query", query_id)
    await client.check()
    assert await client.end(query_id)
    assert query_id not in await running_ids(observer)
    with pytest.raises(ClickHouseUnavailable):
        await caller
    assert await client.end(query_id), "no such statement runs"
    await client.close()
    await observer.close()
    dead = ClickHouse(url="http://default:@127.0.0.1:9/segops")
    assert not await dead.end(query_id)
