"""Measures the memory of the warehouse's process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import psutil

from segops_common.core.tasks import spawn
from segops_common.stores.clickhouse import ClickHouse

_SAMPLE_S: Final = 0.02
_MIB: Final = 1024**2
WAREHOUSE: Final = "clickhouse_host.py"


def warehouse_process() -> psutil.Process:
    """Return the ClickHouse process that this process started. Raises RuntimeError if there is none."""
    processes = [
        process for process in psutil.Process().children(recursive=True) if WAREHOUSE in " ".join(process.cmdline())
    ]
    if not processes:
        raise RuntimeError("the warehouse has no process")
    return processes[0]


async def growth_mib(clickhouse: ClickHouse, work: Callable[[], Awaitable[object]]) -> float:
    """Return by how much the process grows at most while `work` runs, in MiB, sampled every 20 ms; at least 1."""
    process = warehouse_process()
    # Otherwise the work would reuse memory that the allocator kept from earlier queries, and no growth would show.
    await clickhouse.command("SYSTEM JEMALLOC PURGE")
    before = peak = process.memory_info().rss

    async def sample() -> None:
        nonlocal peak
        while True:
            peak = max(peak, process.memory_info().rss)
            await asyncio.sleep(_SAMPLE_S)

    sampling = spawn(sample(), name="memory of the warehouse")
    try:
        await work()
    finally:
        sampling.cancel()
        await asyncio.wait([sampling])
    return max(1.0, (peak - before) / _MIB)
