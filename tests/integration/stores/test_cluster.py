"""ClickHouse as a cluster of two shards: migrations, inserts once per token, and runs over whole profiles."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator

import pytest

from segops_common.core.faults import NO_FAULTS
from segops_common.runtime.migrations import ClickHouseMigrations, MigrationRefused
from segops_common.stores.clickhouse import ClickHouse
from segops_common.stores.clickhouse_migrations import migrate, pending_migrations, pending_tables
from segops_ingest.adapters.clickhouse.warehouse import ClickHouseWarehouse
from segops_language.reference.evaluate import evaluate
from tests.corpus.builders import NOW_MS, count, event, group, new_tenant
from tests.integration.membership.differential import members_by_sql
from tests.integration.membership.harness import INGEST_MIGRATIONS, MEMBERSHIP_MIGRATIONS, event_row
from tests.shared.client import Shared

USERS = [*(f"user-{number}" for number in range(60)), "ünï", "日本語", "'", "\\"]


@pytest.fixture(scope="module")
async def cluster_url(shared: Shared) -> str:
    """An address of both shards with a database that is not there yet."""
    url = await asyncio.to_thread(shared.engine, "clickhouse_cluster")
    return f"{url.rpartition('/')[0]}/sharded_{secrets.token_hex(4)}"


@pytest.fixture(scope="module")
async def cluster(cluster_url: str) -> AsyncIterator[ClickHouse]:
    """The tables of ingest and membership on both shards."""
    clickhouse = ClickHouse(url=cluster_url)
    assert await migrate(clickhouse, "ingest", INGEST_MIGRATIONS)
    await migrate(clickhouse, "membership", MEMBERSHIP_MIGRATIONS)
    yield clickhouse
    await clickhouse.close()


async def number_of(clickhouse: ClickHouse, sql: str) -> int:
    return int((await clickhouse.query(sql)).rows[0][0])


async def test_migrations_are_repeated_without_effect(cluster: ClickHouse) -> None:
    assert await migrate(cluster, "ingest", INGEST_MIGRATIONS) == []
    assert await pending_migrations(cluster, "membership", MEMBERSHIP_MIGRATIONS) == []
    assert await pending_tables(cluster, MEMBERSHIP_MIGRATIONS) == []


async def test_a_new_column_is_added_to_the_tables_over_all_shards(cluster: ClickHouse) -> None:
    for shard in cluster.shards:
        await shard.command("ALTER TABLE publications ADD COLUMN note String")
    assert set(await pending_tables(cluster, MEMBERSHIP_MIGRATIONS)) == {"publications"}
    await migrate(cluster, "membership", MEMBERSHIP_MIGRATIONS)
    assert await number_of(cluster, "SELECT countIf(note = '') FROM publications") == 0


async def test_a_shard_that_was_left_out_is_migrated(cluster: ClickHouse) -> None:
    _, second = cluster.shards
    await second.command("ALTER TABLE schema_migrations DELETE WHERE number = 6 SETTINGS mutations_sync = 1")
    pending = await pending_migrations(cluster, "membership", MEMBERSHIP_MIGRATIONS)
    assert [migration.number for migration in pending] == [6]
    assert [migration.number for migration in await migrate(cluster, "membership", MEMBERSHIP_MIGRATIONS)] == [6]
    await migrate(cluster, "ingest", INGEST_MIGRATIONS)


async def test_the_database_of_a_single_server_is_refused(cluster_url: str) -> None:
    """Its tables have rows, so they are not replaced."""
    login, _, rest = cluster_url.rpartition("@")
    hosts, name = rest.partition("/")[0], f"single_{secrets.token_hex(4)}"
    (server, *_) = ClickHouse(url=cluster_url).servers("system")
    await server.command(f"CREATE DATABASE {name}")
    await server.command(f"CREATE TABLE {name}.events (a UInt8) ENGINE = MergeTree ORDER BY a AS SELECT 1")
    step = ClickHouseMigrations(f"{login}@{hosts}/{name}", "ingest", INGEST_MIGRATIONS, None, "segops")
    with pytest.raises(MigrationRefused, match="is a table of a single server"):
        await step.apply()
    assert await number_of(server, f"SELECT count() FROM {name}.events") == 1
    await server.close()


async def test_a_repeated_insert_stores_nothing_twice(cluster: ClickHouse) -> None:
    """Each shard has the rows of its profiles. Counts are taken without merging, and of what views made."""
    tenant = new_tenant()
    rows = b"".join(event_row(tenant, event(user, "visit", id=f"m{n}"), n) for n, user in enumerate(USERS))
    warehouse = ClickHouseWarehouse(clickhouse=cluster, faults=NO_FAULTS)
    for _ in range(3):
        await warehouse.insert(rows, f"token-{tenant}")
    own = f"WHERE tenant_id = {tenant}"
    for table, column in (("events", "count()"), ("events_by_profile", "count()"), ("storage_delays", "sum(events)")):
        assert await number_of(cluster, f"SELECT {column} FROM {table} {own}") == len(USERS), table
    for index, shard in enumerate(cluster.shards):
        assert await number_of(shard, f"SELECT countIf(user_key % 2 != {index}) FROM events {own}") == 0
        assert await number_of(shard, f"SELECT count() FROM events {own}") > 0


async def test_dead_letters_are_stored_once(cluster: ClickHouse) -> None:
    tenant = new_tenant()
    rows = b"\n".join(b'{"tenant_id":%d,"message_id":"m","line":"x"}' % (tenant + number) for number in range(4))
    warehouse = ClickHouseWarehouse(clickhouse=cluster, faults=NO_FAULTS)
    for _ in range(2):
        await warehouse.insert_dead(rows, f"dead-{tenant}")
    for number in range(4):
        assert await number_of(cluster, f"SELECT count() FROM dead_letters WHERE tenant_id = {tenant + number}") == 1


async def test_a_run_finds_the_members_of_all_shards(cluster: ClickHouse) -> None:
    events = [
        event(user, "visit" if (n + k) % 3 else "purchase", at=NOW_MS - 1000 * (n + k), id=f"{n}-{k}")
        for n, user in enumerate(USERS)
        for k in range(n % 4)
    ]
    lists = {4: frozenset(USERS[:20]) | {"only-listed"}}
    definitions = [
        group(count("visit", "gte", 2)),
        group(count("purchase"), negate=True),
        group({"type": "segment", "segment_id": 4}),
        group(count("visit"), {"type": "sample", "percent": 40, "seed": "a"}),
    ]
    references = {4: group()}
    by_sql = await members_by_sql(cluster, events, definitions, NOW_MS, references=references, lists=lists)
    for definition, members in zip(definitions, by_sql, strict=True):
        assert members == evaluate(definition, events, NOW_MS, segment_id=1, references=references, lists=lists)
    assert len(set(by_sql)) == len(definitions)
