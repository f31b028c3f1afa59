"""Which shard a server is: `migrate` and every client refuse an address that does not fit the stored rows."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from segops_common.contracts.warehouse import shard_of
from segops_common.core.faults import NO_FAULTS
from segops_common.runtime.migrations import ClickHouseMigrations, MigrationRefused
from segops_common.stores.clickhouse import ClickHouse, ClickHouseUnavailable
from segops_common.stores.cluster.tables import DEFAULT_CLUSTER
from segops_ingest.adapters.clickhouse.warehouse import ClickHouseWarehouse
from segops_ingest.ports.warehouse import InsertFailed
from tests.shared.client import Shared

TABLE = (
    "CREATE TABLE IF NOT EXISTS events (user_id String, user_key UInt64 MATERIALIZED xxHash64(user_id))"
    " ENGINE = ${merge_tree} ORDER BY user_key"
)
USERS = [f"user-{number}" for number in range(12)]
ROWS = b"\n".join(b'{"user_id":"%s"}' % user.encode() for user in USERS)
PLACED = [sorted(user for user in USERS if shard_of(user, "", 2) == index) for index in range(2)]


@dataclass(frozen=True, slots=True)
class Cluster:
    """Two servers, and a database of the test."""

    login: str
    first: str
    second: str
    database: str
    folder: Path

    def url(self, *hosts: str) -> str:
        return f"{self.login}@{','.join(hosts or (self.first, self.second))}/{self.database}"

    def step(self, *hosts: str, cluster: str = DEFAULT_CLUSTER) -> ClickHouseMigrations:
        return ClickHouseMigrations(self.url(*hosts), "ingest", self.folder, None, cluster)

    async def mark(self, *comments: str) -> None:
        """Write these comments of the databases of the shards."""
        client = ClickHouse(url=self.url())
        for server, comment in zip(client.servers("system"), comments, strict=True):
            await server.command(f"ALTER DATABASE {self.database}_shard MODIFY COMMENT '{comment}'")
            await server.close()
        await client.close()


@pytest.fixture
async def cluster(shared: Shared, tmp_path: Path) -> Cluster:
    """Its migrations make one small table."""
    (tmp_path / "0001_events.sql").write_text(TABLE)
    (tmp_path / "cluster.toml").write_text('events = "user_key"\n')
    url = await asyncio.to_thread(shared.engine, "clickhouse_cluster")
    login, _, rest = url.rpartition("@")
    first, second = rest.partition("/")[0].split(",")
    return Cluster(login, first, second, f"places_{secrets.token_hex(4)}", tmp_path)


@pytest.fixture
async def client(cluster: Cluster) -> AsyncIterator[ClickHouse]:
    """A client with the right address, before any migration."""
    clickhouse = ClickHouse(url=cluster.url())
    yield clickhouse
    await clickhouse.close()


async def stored(client: ClickHouse) -> list[list[str]]:
    """Return the users of the rows on each shard."""
    return [
        list((await shard.query("SELECT arraySort(groupArray(user_id)) FROM events")).rows[0][0])
        for shard in client.shards
    ]


async def test_servers_that_are_not_the_shards_are_refused(cluster: Cluster) -> None:
    first, second = cluster.first, cluster.second
    for hosts in ((second, first), (first, first), (first, second, second)):
        for call in (cluster.step(*hosts).apply, cluster.step(*hosts).pending):
            with pytest.raises(MigrationRefused, match="in the order of remote_servers"):
                await call()


@pytest.mark.parametrize("name", ["weighted", "replicated"])
async def test_weights_and_replicas_are_refused(cluster: Cluster, name: str) -> None:
    step = cluster.step(cluster=name)
    for call in (step.apply, step.pending):
        with pytest.raises(MigrationRefused, match="must have one replica, and the weight 1"):
            await call()


async def test_another_number_of_shards_in_the_same_database_is_refused(cluster: Cluster) -> None:
    assert await cluster.step().pending() == ["shard 1 of 2", "shard 2 of 2"]
    assert await cluster.step().apply() == ["0001_events"]
    assert (await cluster.step().pending(), await cluster.step().apply()) == ([], [])
    more = cluster.step(cluster.first, cluster.second, cluster.second)
    fewer = cluster.step(cluster.first)
    for step, reason in ((more, "is marked as shard 1 of 2, not as shard 1 of 3"), (fewer, "of a cluster of shards")):
        for call in (step.apply, step.pending):
            with pytest.raises(MigrationRefused, match=reason) as refused:
                await call()
            assert "\n" not in str(refused.value)


async def test_a_process_with_another_list_of_servers_reads_and_writes_nothing(
    cluster: Cluster, client: ClickHouse, caplog: pytest.LogCaptureFixture
) -> None:
    await cluster.step().apply()
    for hosts in ((cluster.second, cluster.first), (cluster.first, cluster.second, cluster.second)):
        wrong = ClickHouse(url=cluster.url(*hosts))
        warehouse = ClickHouseWarehouse(clickhouse=wrong, faults=NO_FAULTS)
        with pytest.raises(InsertFailed, match="SEGOPS_CLICKHOUSE_URL must name the servers"):
            await warehouse.insert(ROWS, "token")
        for server in (wrong, *wrong.shards[-1:]):
            for call in (server.check(), server.query("SELECT count() FROM events")):
                with pytest.raises(ClickHouseUnavailable, match=r"is marked as shard \d of 2"):
                    await call
        assert not await wrong.end("any")
        await wrong.close()
    assert await stored(client) == [[], []]
    refusals = [record for record in caplog.records if "is marked as" in record.getMessage()]
    assert len(refusals) == 2 + 1 + 3 + 1, "each client says it once"


async def test_a_process_with_one_server_of_the_cluster_reads_and_writes_nothing(
    cluster: Cluster, client: ClickHouse, caplog: pytest.LogCaptureFixture
) -> None:
    await cluster.step().apply()
    for host in (cluster.first, cluster.second):
        alone = ClickHouse(url=cluster.url(host))
        with pytest.raises(InsertFailed, match="SEGOPS_CLICKHOUSE_URL must name a server of each"):
            await ClickHouseWarehouse(clickhouse=alone, faults=NO_FAULTS).insert(ROWS, "token")
        for call in (alone.check(), alone.query("SELECT count() FROM events")):
            with pytest.raises(ClickHouseUnavailable, match="is the database of a cluster of shards"):
                await call
        await alone.close()
    assert await stored(client) == [[], []]
    assert len([record for record in caplog.records if "a cluster of shards" in record.getMessage()]) == 2


async def test_a_process_that_starts_before_the_migration_waits_for_it(cluster: Cluster, client: ClickHouse) -> None:
    await cluster.step().apply()
    await cluster.mark("", "")
    for clickhouse in (client, *client.shards):
        with pytest.raises(ClickHouseUnavailable, match=r"must be marked as shard \d of 2: run `migrate`"):
            await clickhouse.check()
    await cluster.step().apply()
    await ClickHouseWarehouse(clickhouse=client, faults=NO_FAULTS).insert(ROWS, "token")
    assert await stored(client) == PLACED


async def test_a_database_without_marks_is_taken_over_if_its_rows_fit(cluster: Cluster, client: ClickHouse) -> None:
    """Databases of older versions have none."""
    await cluster.step().apply()
    await client.shards[1].insert_json_lines("events", ROWS)
    await cluster.mark("", "")
    with pytest.raises(MigrationRefused, match="has rows that do not belong to shard 2 of 2"):
        await cluster.step().apply()
    assert await cluster.step().pending() == ["shard 1 of 2", "shard 2 of 2"]
    await client.shards[1].command("ALTER TABLE events DELETE WHERE user_key % 2 = 0 SETTINGS mutations_sync = 1")
    assert await cluster.step().apply() == []
    assert await cluster.step().pending() == []


async def test_every_user_sees_the_marks(shared: Shared) -> None:
    """With the grants of `deploy/clickhouse/users.toml`, also where tables of the system need grants."""
    reply = await asyncio.to_thread(lambda: shared.ask(do="start", name="clickhouse_cluster"))
    owner, *others = [ClickHouse(url=url) for url in reply["users"]]
    for server in owner.servers("system"):
        for database, comment in ((owner.database, ""), (owner.shards[0].database, "shard")):
            await server.command(f"CREATE DATABASE IF NOT EXISTS {database} COMMENT '{comment}'")
        await server.close()
    for user in others:
        for clickhouse in (user, *user.shards):
            with pytest.raises(ClickHouseUnavailable, match="is marked as shard"):
                await clickhouse.check()
        await user.close()
    await owner.close()
