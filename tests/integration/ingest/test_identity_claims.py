"""Who claims an anonymous id, and since when a user is known, by the tables that views fill from events."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import AsyncIterator, Iterable
from itertools import permutations
from pathlib import Path
from typing import Any

import orjson
import pytest

from segops_cli.backup import clickhouse as backup
from segops_cli.backup.archive import new_archive, read_archive
from segops_cli.backup.decided import Decided
from segops_common.contracts.warehouse import (
    IDENTITY_CLAIMS_BY_USER_TABLE,
    IDENTITY_CLAIMS_TABLE,
    NEVER_KNOWN_SQL,
    PROFILE_SEEN_TABLE,
)
from segops_common.core.faults import NO_FAULTS
from segops_common.stores.clickhouse import ClickHouse
from segops_common.stores.clickhouse_migrations import migrate
from segops_ingest.adapters.clickhouse.identity_claims import ClickHouseIdentityClaims
from segops_ingest.adapters.clickhouse.warehouse import MIGRATIONS, SERVICE, ClickHouseWarehouse
from segops_ingest.adapters.memory.identity_claims import UNCLAIMED
from segops_ingest.domain.rows import with_source
from segops_ingest.ports.identity_claims import StoredClaim
from tests.node import ROOT

MERGES = ROOT / "services" / "membership" / "segops_membership" / "migrations"
CLAIMS_ADDED = 13
"""The migration that adds the tables."""
EARLY, LATE = "2026-01-31 09:00:00.123", "2026-01-31 09:00:00.124"
CLAIMS = (("anna", EARLY, "m2"), ("bert", EARLY, "m1"), ("bert", EARLY, "m3"), ("carl", LATE, "m0"))
"""Claims of one anonymous id. The second is the first of them."""


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


@pytest.fixture
def tenant() -> int:
    """A tenant of this test alone."""
    return secrets.randbits(40)


def row(tenant: int, user_id: str, anonymous_id: str, at: str = EARLY, message_id: str = "m", **fields: Any) -> bytes:
    """A line of the topic of events."""
    own = {"user_id": user_id, "anonymous_id": anonymous_id, "message_id": message_id, "timestamp": at}
    common = {"kind": "track", "event_type": "e", "received_at": EARLY, "payload": {}, "context": {}, "removed": []}
    return orjson.dumps({"tenant_id": tenant, **common, **own, **fields}) + b"\n"


async def store(client: ClickHouse, inserts: Iterable[bytes], *, first_offset: int = 1) -> None:
    """Insert records as the sink does, each by itself."""
    warehouse = ClickHouseWarehouse(clickhouse=client, faults=NO_FAULTS)
    for offset, value in enumerate(inserts, start=first_offset):
        await warehouse.insert(with_source(value, 3, offset), f"3-{offset}-{secrets.token_hex(4)}")


async def claims(client: ClickHouse, tenant: int, table: str = IDENTITY_CLAIMS_TABLE) -> set[tuple[Any, ...]]:
    """Return the stored claims with their anonymous ids."""
    sql = f"SELECT anonymous_id, toString(first_claim) FROM {table} FINAL WHERE tenant_id = {tenant}"
    result = await client.query(sql)
    return {tuple(row) for row in result.rows}


async def first_known(client: ClickHouse, tenant: int) -> dict[str, str]:
    """Return since when each user is known."""
    sql = f"""
        SELECT any(user_id), if(min(first_known) = {NEVER_KNOWN_SQL}, '', toString(min(first_known)))
        FROM {PROFILE_SEEN_TABLE} WHERE tenant_id = {tenant} GROUP BY tenant_id, user_key"""
    return {str(user): str(at) for user, at in (await client.query(sql)).rows}


async def test_the_smallest_claim_stands_in_any_order_of_arrival(warehouse: ClickHouse, tenant: int) -> None:
    orders = list(permutations(CLAIMS))
    lines = [
        [row(tenant, user, f"v{n}", *claim, joins=True) for user, *claim in order] for n, order in enumerate(orders)
    ]
    arrivals = [b"".join(claims_of[place] for claims_of in lines) for place in (0, 1, 0, 2, 3, 1)]
    await store(warehouse, arrivals)
    assert await claims(warehouse, tenant) == {(f"v{n}", f"('{EARLY}','m1','bert')") for n in range(len(orders))}
    firsts = [f"('{EARLY}','m2')", f"('{EARLY}','m1')", f"('{LATE}','m0')"]
    by_user = await claims(warehouse, tenant, IDENTITY_CLAIMS_BY_USER_TABLE)
    assert by_user == {(f"v{n}", first) for n in range(len(orders)) for first in firsts}


async def test_only_rows_that_join_two_different_ids_claim(warehouse: ClickHouse, tenant: int) -> None:
    lines = [
        row(tenant, "anna", "v1"),
        row(tenant, "anna", "v2", joins=False),
        row(tenant, "anna", "anna", joins=True),
        row(tenant, "anna", "", joins=True),
        row(tenant, "", "v3", joins=True),
        row(tenant, "anna", "v4", joins=True, tenant_id=tenant + 1),
    ]
    await store(warehouse, [b"".join(lines)])
    assert await claims(warehouse, tenant) == await claims(warehouse, tenant, IDENTITY_CLAIMS_BY_USER_TABLE) == set()
    assert await claims(warehouse, tenant + 1) == {("v4", f"('{EARLY}','m','anna')")}
    assert await claims(warehouse, tenant + 1, IDENTITY_CLAIMS_BY_USER_TABLE) == {("v4", f"('{EARLY}','m')")}


async def test_a_user_is_known_since_their_first_event_with_that_user_id(warehouse: ClickHouse, tenant: int) -> None:
    await store(
        warehouse,
        [
            row(tenant, "anna", "v", LATE),
            row(tenant, "", "anna", EARLY),
            row(tenant, "", "v", EARLY),
            row(tenant, "bert", "", LATE),
        ],
    )
    assert await first_known(warehouse, tenant) == {"anna": LATE, "bert": LATE, "v": ""}


async def test_events_of_earlier_versions_join_nothing_and_tell_who_is_known(
    database: ClickHouse, tenant: int, tmp_path: Path
) -> None:
    for path in MIGRATIONS.glob("*.sql"):
        if int(path.name[:4]) < CLAIMS_ADDED:
            shutil.copy(path, tmp_path)
    await migrate(database, SERVICE, tmp_path)
    await store(
        database, [row(tenant, "anna", "v", LATE) + row(tenant, "", "v", EARLY), row(tenant, "anna", "", EARLY)]
    )
    # As if the last ones had arrived long ago: otherwise the migration waits for inserts that go on.
    await database.command("TRUNCATE TABLE storage_delays")
    await migrate(database, SERVICE, MIGRATIONS)
    assert await claims(database, tenant) == set()
    assert await first_known(database, tenant) == {"anna": EARLY, "v": ""}
    await store(database, [row(tenant, "carl", "v", LATE, joins=True)], first_offset=9)
    assert await claims(database, tenant) == {("v", f"('{LATE}','m','carl')")}
    assert await first_known(database, tenant) == {"anna": EARLY, "v": "", "carl": LATE}


async def test_the_api_reads_who_claimed_an_id_and_who_is_known(warehouse: ClickHouse, tenant: int) -> None:
    claims = ClickHouseIdentityClaims(clickhouse=warehouse)
    assert await claims.of(tenant, "v") == UNCLAIMED
    lines = [row(tenant, "anna", "v", LATE, joins=True), row(tenant, "bert", "v", EARLY, joins=True)]
    await store(warehouse, [*lines, row(tenant, "", "v", LATE)])
    early_ms = 1_769_850_000_123
    assert await claims.of(tenant, "v") == StoredClaim("bert", early_ms, None)
    assert await claims.of(tenant, "bert") == StoredClaim(None, 0, early_ms)
    assert await claims.of(tenant + 1, "v") == UNCLAIMED


async def test_a_restored_warehouse_has_the_same_joins(
    database: ClickHouse, tenant: int, clickhouse_url: str, tmp_path: Path
) -> None:
    """Views fill the tables of claims again, so a backup has the events only. Later merges than PostgreSQL knows are left out."""
    source, target = [
        f"{clickhouse_url.rpartition('/')[0]}/{name}" for name in (database.database, f"{database.database}_b")
    ]
    await database.command(f"CREATE DATABASE {database.database}_b")
    restored = ClickHouse(url=target)
    for client in (database, restored):
        await migrate(client, SERVICE, MIGRATIONS)
        await migrate(client, "membership", MERGES)
    await store(database, [row(tenant, "anna", "v", LATE, joins=True), row(tenant, "bert", "v", EARLY, joins=True)])
    merges = [(tenant, f"2026-02-0{version} 09:00:00.000", version, "carl", "anna") for version in (1, 2)]
    columns = ("tenant_id", "at", "version", "user_id", "canonical_id")
    lines = [orjson.dumps(dict(zip(columns, merge, strict=True))) for merge in merges]
    await database.insert_json_lines(f"identity_merges ({', '.join(columns)})", b"\n".join(lines))
    snapshot = Decided(tenants=(tenant,), heads={}, next_profiles={}, not_shown=(), lists={}, merges={tenant: 1})
    archive = tmp_path / "backup.tar"
    async with backup.connection(source, None) as server:
        with new_archive(archive) as writer:
            assert "identity_claims" not in await backup.dump(server, writer, snapshot)
            writer.finish({})
    async with backup.connection(target, None) as server:
        with read_archive(archive) as reader:
            await backup.load(server, reader)
    for table in (IDENTITY_CLAIMS_TABLE, IDENTITY_CLAIMS_BY_USER_TABLE):
        assert await claims(restored, tenant, table) == await claims(database, tenant, table) != set()
    assert await first_known(restored, tenant) == await first_known(database, tenant) == {"anna": LATE, "bert": EARLY}
    versions = (await restored.query("SELECT version, user_id, canonical_id FROM identity_merges")).rows
    assert [tuple(merge) for merge in versions] == [(1, "carl", "anna")]
    await restored.close()
    await database.command(f"DROP DATABASE {database.database}_b")
