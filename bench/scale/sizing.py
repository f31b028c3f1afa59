"""Extrapolates what a load takes from what was measured. Every constant is a figure of docs/performance.md or of a decision."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

REQUEST_US: Final = 144.0
"""CPU of a request beyond its events. "Ingestion": 150 µs with one event, 6 µs an event with 1,000."""
EVENT_US: Final = 6.0
STORED_S: Final = 18.2
"""CPU of sink and ClickHouse for a million events, merges included. "Storage"."""
DISK_BYTES: Final = 47.0
"""Of an event. "Storage"."""
MEMORY_BYTES: Final = 150.0
"""Of Redis for an event with `sent_at`, for a day. Decision 28."""
COUNT_MS: Final = 156.0
COUNTED_EVENTS: Final = 6_400_000
"""A count reads these events of its type in `COUNT_MS`. "Segments"."""
RUN_MIB: Final = 317.0
RUN_USERS: Final = 600_000
"""A run of 200 segments takes `RUN_MIB` for this many users. "Segments"."""
API_MIB: Final = 101.0
SINK_MIB: Final = 98.0
"""Resident memory of a process of ingestion under the end-to-end tests. docs/deploy.md, "Sizes"."""

SHARD_CORES: Final = 16
"""Cores of a ClickHouse server in the table."""
BATCH: Final = 100
"""Events of a request in the table."""
BUSY: Final = 0.5
"""How busy processors should be, so that a burst of twice the load does not wait."""
PARTITIONS: Final = 12
RATES: Final = (1_000, 100_000, 1_000_000)
_DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Size:
    """What a rate of events takes."""

    rate: int
    api_cores: float
    storage_cores: float
    partitions: int
    shards: int
    memory_mib: float
    disk_gb_a_day: float
    redis_gb: float


def ingest_seconds(batch: int) -> float:
    """Return the CPU of ingestion's API for a million events in requests of `batch` events."""
    return REQUEST_US / batch + EVENT_US


def count_seconds(events: float) -> float:
    """Return how long a count takes over so many events of its type."""
    return COUNT_MS / 1_000 * events / COUNTED_EVENTS


def run_gib(users: float) -> float:
    """Return the memory of a run of 200 segments over so many users."""
    return RUN_MIB / 1_024 * users / RUN_USERS


def size(rate: int) -> Size:
    """Return what `rate` events a second take, with processors half busy."""
    api, storage = rate * ingest_seconds(BATCH) / 1e6 / BUSY, rate * STORED_S / 1e6 / BUSY
    return Size(
        rate=rate,
        api_cores=api,
        storage_cores=storage,
        # A sink stores one insert of a partition at a time: reckoned as one core, merges included.
        partitions=max(PARTITIONS, math.ceil(storage)),
        shards=math.ceil(storage / SHARD_CORES),
        # A process of Python uses one core; storing by one core a sink counts too many of them, as for partitions.
        memory_mib=math.ceil(api) * API_MIB + math.ceil(storage) * SINK_MIB,
        disk_gb_a_day=rate * _DAY_S * DISK_BYTES / 1e9,
        redis_gb=rate * _DAY_S * MEMORY_BYTES / 1e9,
    )


def table() -> str:
    """Return the sizes as Markdown."""
    sizes = [size(rate) for rate in RATES]
    rows = (
        ("cores of ingestion's APIs", [_number(s.api_cores) for s in sizes]),
        ("cores of sinks and ClickHouse, for storing alone", [_number(s.storage_cores) for s in sizes]),
        ("partitions of `segops.events`, if each is stored by one core", [str(s.partitions) for s in sizes]),
        ("shards of ClickHouse with 16 cores, for storing alone", [str(s.shards) for s in sizes]),
        ("memory of ingestion's APIs and sinks", [f"{_number(s.memory_mib)} MiB" for s in sizes]),
        ("disk for a day of events", [f"{_number(s.disk_gb_a_day)} GB" for s in sizes]),
        ("Redis, if every event has `sent_at`", [f"{_number(s.redis_gb)} GB" for s in sizes]),
    )
    head = f"| | {' | '.join(f'{s.rate:,} events/s' for s in sizes)} |\n|---|{'---|' * len(sizes)}"
    return "\n".join([head, *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows)])


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
