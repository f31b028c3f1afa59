"""Parts of `segops backup` on real engines. `make test-ops` takes and restores whole backups."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from segops_cli.backup import clickhouse as warehouse
from segops_cli.backup import postgres
from segops_cli.backup.archive import new_archive
from segops_cli.backup.decided import Decided, ListState
from segops_cli.errors import CliError
from tests.corpus.builders import new_tenant
from tests.integration.membership.harness import MembershipHarness
from tests.integration.membership.test_static_lists import LIST, change
from tests.shared.certificates import Authority
from tests.shared.tls_lines import ClickHouseTlsLine, PostgresTlsLine

MANY = 50_000
DEFAULT_LIMIT = 262_144
"""Bytes of a statement that ClickHouse parses, unless a setting allows more."""
pytestmark = pytest.mark.one_server


def decided(tenant: int) -> Decided:
    """Return the snapshot of a tenant with a list of one version."""
    lists = {(tenant, LIST): ListState(since=1, version=1)}
    return Decided(tenants=(tenant,), heads={}, next_profiles={}, not_shown=(), lists=lists)


async def partitions(url: str, snapshot: Decided, folder: Path) -> dict[str, int]:
    """Return how many partitions `dump_lists` adds."""
    async with warehouse.connection(url, None) as server:
        with new_archive(folder / "backup.tar") as archive:
            counts = await warehouse.dump_lists(server, archive, snapshot)
        (folder / "backup.tar").unlink()
    return counts


async def test_fifty_thousand_tenants_fit_into_a_statement(migrated: None, clickhouse_url: str, tmp_path: Path) -> None:
    numbers = range(10**9, 10**9 + MANY)
    first, last, unknown = numbers[0], numbers[-1], numbers[-1] + 1
    snapshot = Decided(
        tenants=(*numbers, unknown),
        heads=dict.fromkeys(numbers, 2**62),
        next_profiles=dict.fromkeys(numbers, 7),
        not_shown=[(number, number, number) for number in numbers[::10]],
        lists={(number, number): ListState(1, number) for number in numbers},
    )
    sources = {
        "profiles": f"values('tenant_id UInt64, n UInt64', ({first}, 6), ({first}, 7), ({unknown}, 1), (1, 1))",
        "static_members": "values('tenant_id UInt64, segment_id UInt64, list_version UInt64',"
        f" ({last}, {last}, {last}), ({last}, {last}, {unknown}), ({last}, {first}, 1))",
    }
    async with warehouse.connection(clickhouse_url, None) as server:
        for table, source in sources.items():
            condition = snapshot.condition(table, ["tenant_id"])
            assert len(condition) > DEFAULT_LIMIT
            await server.save(f"SELECT count() FROM {source} WHERE {condition} FORMAT TSV", tmp_path / table)
            assert gzip.decompress((tmp_path / table).read_bytes()) == b"1\n"
        condition = snapshot.condition("segment_runs", ["tenant_id"])
        await server.save(f"SELECT count() FROM segment_runs WHERE {condition} FORMAT TSV", tmp_path / "runs")


async def test_a_list_that_lost_rows_fails_the_backup(
    harness: MembershipHarness, clickhouse_url: str, superuser_url: str, tmp_path: Path
) -> None:
    """A list that was replaced once keeps the rows of the snapshot until it is replaced again."""
    tenant = new_tenant()
    await harness.lists.store([change(tenant, 1, replace=True, add=["first"])])
    async with postgres.connection(superuser_url, None) as database:
        await postgres.check_lists(database, decided(tenant))
        await harness.lists.store([change(tenant, 2, replace=True, add=["second"])])
        assert await partitions(clickhouse_url, decided(tenant), tmp_path) == {"static_members": 1}
        await postgres.check_lists(database, decided(tenant))
        await harness.lists.store([change(tenant, 3, replace=True, add=["third"])])
        with pytest.raises(CliError, match=f"list of segment {LIST} of tenant {tenant}"):
            await postgres.check_lists(database, decided(tenant))
        with pytest.raises(CliError, match="replaced or deleted"):
            await postgres.check_lists(database, decided(new_tenant()))


async def test_a_list_that_was_deleted_fails_the_backup(harness: MembershipHarness, superuser_url: str) -> None:
    tenant = new_tenant()
    await harness.lists.store([change(tenant, 1, replace=True, add=["first"])])
    await harness.lists.store([change(tenant, 2, replace=True, deleted=True)])
    async with postgres.connection(superuser_url, None) as database:
        with pytest.raises(CliError, match="replaced or deleted"):
            await postgres.check_lists(database, decided(tenant))


@asynccontextmanager
async def behind_tls(url: str, line: PostgresTlsLine | ClickHouseTlsLine) -> AsyncIterator[str]:
    """Give the address of the engine through the line."""
    await line.start()
    try:
        yield url.replace(f":{urlsplit(url).port}/", f":{line.port}/")
    finally:
        await line.stop()


async def test_private_authorities_are_trusted(superuser_url: str, clickhouse_url: str, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    tls = authority.server_context("127.0.0.1")
    to_postgres = PostgresTlsLine(target_port=urlsplit(superuser_url).port or 0, context=tls)
    to_clickhouse = ClickHouseTlsLine(target_port=urlsplit(clickhouse_url).port or 0, tls=tls)
    async with (
        behind_tls(f"{superuser_url}?sslmode=verify-full", to_postgres) as postgres_url,
        behind_tls(clickhouse_url.replace("http://", "https://"), to_clickhouse) as https_url,
    ):
        async with postgres.connection(postgres_url, authority.ca_file) as database:
            assert await database.fetchval("SELECT 1") == 1
        async with warehouse.connection(https_url, authority.ca_file) as server:
            assert await server.rows("SELECT 1 AS one") == [{"one": 1}]
        with pytest.raises(CliError, match="PostgreSQL cannot be reached"):
            async with postgres.connection(postgres_url, None):
                raise AssertionError("an unknown authority is never trusted")
        with pytest.raises(CliError, match="ClickHouse cannot be reached"):
            async with warehouse.connection(https_url, None) as server:
                await server.rows("SELECT 1 AS one")
