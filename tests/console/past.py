"""Moves a workspace into the past, for pictures of a product in use: a test has made all of it within seconds."""

from __future__ import annotations

import asyncpg

from segops_common.stores.clickhouse import ClickHouse
from tests.shared.client import RunningStack

_WAIT = {"mutations_sync": 2}
_SEGMENTS = """
UPDATE segments.segments SET created_at = created_at - interval '44 days' WHERE tenant_id = $1
"""
_VERSIONS = """
UPDATE segments.versions SET created_at = created_at - interval '9 days' * (5 - least(number, 4))
WHERE tenant_id = $1
"""
_RUNS = """
UPDATE segments.runs SET requested_at = as_of, started_at = as_of + (started_at - requested_at),
    finished_at = as_of + (finished_at - requested_at) WHERE tenant_id = $1
"""


async def move_into_past(stack: RunningStack, tenant: int) -> None:
    """Let events be received when they occurred, and runs be published at the instant that they are of."""
    await _move_runs(stack.engine("postgres"), tenant)
    clickhouse = ClickHouse(url=stack.engine("clickhouse"))
    try:
        await _move_events(clickhouse, tenant)
        await _move_publications(clickhouse, tenant)
    finally:
        await clickhouse.close()


async def _move_runs(url: str, tenant: int) -> None:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        for statement in (_SEGMENTS, _VERSIONS, _RUNS):
            await connection.execute(statement, tenant)
    finally:
        await connection.close()


async def _move_events(clickhouse: ClickHouse, tenant: int) -> None:
    for table in ("events", "events_by_profile"):
        moved = "received_at = timestamp + INTERVAL 380 MILLISECOND"
        await clickhouse.command(f"ALTER TABLE {table} UPDATE {moved} WHERE tenant_id = {tenant}", settings=_WAIT)


async def _move_publications(clickhouse: ClickHouse, tenant: int) -> None:
    runs = await clickhouse.query(f"SELECT DISTINCT run_id, as_of FROM segment_runs WHERE tenant_id = {tenant}")
    ids = ", ".join(str(row[0]) for row in runs.rows)
    times = ", ".join(f"toDateTime64('{row[1]:%Y-%m-%d %H:%M:%S}', 3, 'UTC')" for row in runs.rows)
    for table in ("segment_runs", "membership_changes"):
        moved = f"at = transform(run_id, [{ids}], [{times}], at)"
        await clickhouse.command(f"ALTER TABLE {table} UPDATE {moved} WHERE tenant_id = {tenant}", settings=_WAIT)
