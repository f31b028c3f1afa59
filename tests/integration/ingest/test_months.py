"""The parts of a month without new events are merged into one, so that reads need no merge."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from segops_common.stores.clickhouse import ClickHouse

TABLE = "events_of_months"
TIMEOUT_S = 60
AGE = "min_age_to_force_merge_seconds"


@pytest.fixture
async def table(warehouse: ClickHouse) -> AsyncIterator[str]:
    """A table like `events` that merges after one second without inserts."""
    await warehouse.command(f"DROP TABLE IF EXISTS {TABLE}")
    await warehouse.command(f"CREATE TABLE {TABLE} AS events")
    await warehouse.command(f"ALTER TABLE {TABLE} MODIFY SETTING {AGE} = 1")
    yield TABLE
    await warehouse.command(f"DROP TABLE {TABLE}")


async def parts(warehouse: ClickHouse) -> dict[str, int]:
    """Return the number of parts of each month."""
    result = await warehouse.query(
        "SELECT partition, count() FROM system.parts"
        " WHERE active AND database = currentDatabase() AND table = {t:String} GROUP BY partition",
        {"t": TABLE},
    )
    return {str(month): int(count) for month, count in result.rows}


async def test_months_become_one_part_each(warehouse: ClickHouse, table: str) -> None:
    for month in (1, 2):
        for day in (1, 2, 3):
            await warehouse.command(
                f"INSERT INTO {table} (tenant_id, event_type, timestamp, message_id, user_id)"
                f" VALUES (1, 'login', '2026-0{month}-0{day} 12:00:00', 'm{day}', 'user-1')"
            )

    async with asyncio.timeout(TIMEOUT_S):
        while await parts(warehouse) != {"202601": 1, "202602": 1}:
            await asyncio.sleep(0.2)


async def test_a_week_is_waited_for(warehouse: ClickHouse) -> None:
    result = await warehouse.query(
        "SELECT create_table_query FROM system.tables WHERE database = currentDatabase() AND name = 'events'"
    )

    assert f"{AGE} = 604800, min_age_to_force_merge_on_partition_only = 1" in str(result.rows[0][0])
