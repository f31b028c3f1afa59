"""How much memory the warehouse's process takes while something runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import psutil

from segops_common.core.tasks import spawn
from segops_common.stores.clickhouse import ClickHouse

_LOOK_S: Final = 0.02
_MIB: Final = 1024**2
WAREHOUSE: Final = "clickhouse_host.py"


def warehouse_process() -> psutil.Process:
    """The one that this process has started."""
    processes = [
        process for process in psutil.Process().children(recursive=True) if WAREHOUSE in " ".join(process.cmdline())
    ]
    if not processes:
        raise RuntimeError("the warehouse has no process")
    return processes[0]


async def growth_mib(clickhouse: ClickHouse, work: Callable[[], Awaitable[object]]) -> float:
    """By how much the process is larger at its largest than before, in MiB; looked at every 20 ms.

    What its allocator has kept of earlier queries is given back first: else the work would fill that without growing.
    """
    process = warehouse_process()
    await clickhouse.command("SYSTEM JEMALLOC PURGE")
    before = peak = process.memory_info().rss

    async def look() -> None:
        nonlocal peak
        while True:
            peak = max(peak, process.memory_info().rss)
            await asyncio.sleep(_LOOK_S)

    looking = spawn(look(), name="memory of the warehouse")
    try:
        await work()
    finally:
        looking.cancel()
        await asyncio.wait([looking])
    return max(1.0, (peak - before) / _MIB)
