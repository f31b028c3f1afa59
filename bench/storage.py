"""What a stored event costs: CPU of sink and ClickHouse with all merges, and bytes on disk.

The baselines are parsing the same rows into a table with engine Null, and the bytes of the lines themselves.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import psutil

from bench.harness.engines import folder, warehouse
from bench.harness.memory import warehouse_process
from bench.harness.pairs import in_turn
from bench.report import Ratio
from bench.sink import NULL_TABLE, records
from segops_common.contracts.warehouse import EVENTS_TABLE, JSON_INSERT_SETTINGS
from segops_common.core.faults import NO_FAULTS
from segops_common.stores.clickhouse import ClickHouse
from segops_ingest.adapters.clickhouse.warehouse import INSERT_TIMEOUT_S, ONCE_SETTINGS, ClickHouseWarehouse
from segops_ingest.domain.rows import rows_of

Insert = Callable[[bytes], Awaitable[object]]

ROUNDS: Final = 5
ROWS: Final = 20_000
INSERTS: Final = 5
"""Inserts of a sample: enough for ClickHouse to merge their parts."""
_POLL_S: Final = 0.05
_DISK: Final = "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase()"


async def run() -> list[Ratio]:
    """Measure the CPU and the disk that events take."""
    with folder() as state:
        async with warehouse(state) as clickhouse:
            await clickhouse.command(f"CREATE TABLE {NULL_TABLE} AS {EVENTS_TABLE} ENGINE = Null")
            return await _measured(clickhouse)


async def _measured(clickhouse: ClickHouse) -> list[Ratio]:
    warehouse_of_sink = ClickHouseWarehouse(clickhouse=clickhouse, faults=NO_FAULTS)
    seeds, numbers = itertools.count(), itertools.count()
    disk, lines = list[float](), list[float]()

    async def store(rows: bytes) -> None:
        await warehouse_of_sink.insert(rows, f"bench:storage:{next(numbers)}")

    async def stored() -> float:
        before = await _disk(clickhouse)
        batches = [_rows(next(seeds)) for _ in range(INSERTS)]
        seconds = await _cpu_seconds(clickhouse, store, batches)
        disk.append((await _disk(clickhouse) - before) / (ROWS * INSERTS))
        lines.append(sum(map(len, batches)) / (ROWS * INSERTS))
        return seconds

    parse = partial(
        clickhouse.insert_json_lines,
        NULL_TABLE,
        settings={**JSON_INSERT_SETTINGS, **ONCE_SETTINGS},
        timeout_s=INSERT_TIMEOUT_S,
    )

    async def parsed() -> float:
        return await _cpu_seconds(clickhouse, parse, [_rows(next(seeds)) for _ in range(INSERTS)])

    ours, theirs = await in_turn(ROUNDS, stored, parsed)
    return [
        Ratio("stored and merged, CPU", "parsed only", ours, theirs, "s a million events"),
        # The first round warms up.
        Ratio("on disk", "its line", disk[1:], lines[1:], "bytes an event"),
    ]


def _rows(seed: int) -> bytes:
    return rows_of(records(ROWS, seed=seed), 0)


async def _cpu_seconds(clickhouse: ClickHouse, insert: Insert, batches: list[bytes]) -> float:
    """Return the CPU of this process and the warehouse, until every merge has ended, in seconds a million rows."""
    processes = (psutil.Process(), warehouse_process())
    before = sum(map(_spent, processes))
    for rows in batches:
        await insert(rows)
    while (await clickhouse.query("SELECT count() FROM system.merges")).rows[0][0]:  # noqa: ASYNC110 - no event
        await asyncio.sleep(_POLL_S)
    return (sum(map(_spent, processes)) - before) / (len(batches) * ROWS) * 1_000_000


def _spent(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


async def _disk(clickhouse: ClickHouse) -> int:
    return int((await clickhouse.query(_DISK)).rows[0][0])
