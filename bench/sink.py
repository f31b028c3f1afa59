"""Rows per second into `events`, against parsing the same rows into a table with the same columns and engine Null.

The difference is what `events` adds: sorting, compressing, writing, and the view that feeds `profile_seen`.
"""

from __future__ import annotations

import itertools
from functools import partial
from random import Random

import orjson

from bench.harness.engines import folder, warehouse
from bench.harness.pairs import in_turn, per_second
from bench.report import Ratio, at_least
from segops_common.contracts.warehouse import EVENTS_TABLE, JSON_INSERT_SETTINGS
from segops_common.core.clock import SystemClock
from segops_common.core.faults import NO_FAULTS
from segops_common.core.ids import SystemIds
from segops_common.stores.clickhouse import ClickHouse
from segops_ingest.adapters.clickhouse.warehouse import INSERT_TIMEOUT_S, ONCE_SETTINGS, ClickHouseWarehouse
from segops_ingest.domain.instants import warehouse_text
from segops_ingest.domain.rows import rows_of
from segops_local.cli.demo import PAGES, PRODUCTS

ROUNDS = 5
BATCHES = (2_000, 20_000)
RECORD_EVENTS = 100
USERS = 5_000
NULL_TABLE = "events_parsed"


def records(count: int, *, seed: int) -> list[tuple[int, bytes]]:
    """Return `count` rows as records of the log, (offset, NDJSON), with RECORD_EVENTS rows per record."""
    random, clock = Random(seed), SystemClock()
    ids, now = SystemIds(clock), warehouse_text(clock.now())
    lines = [orjson.dumps(_row(random, ids.uuid7(), now)) + b"\n" for _ in range(count)]
    return [
        (offset, b"".join(lines[start : start + RECORD_EVENTS]))
        for offset, start in enumerate(range(0, count, RECORD_EVENTS))
    ]


def _row(random: Random, message_id: str, now: str) -> dict[str, object]:
    event_type = random.choice(("page_viewed", "page_viewed", "login", "purchase"))
    product, price = random.choice(PRODUCTS)
    payloads: dict[str, dict[str, object]] = {
        "page_viewed": {
            "path": random.choice(PAGES),
            "ms": random.randint(40, 900),
            "referrer": "https://example.com/",
        },
        "login": {"source": random.choice(("web", "ios", "android"))},
        "purchase": {"product": product, "price": price, "quantity": random.randint(1, 4)},
    }
    return {
        "tenant_id": 1,
        "kind": "track",
        "event_type": event_type,
        "user_id": f"user-{random.randrange(USERS):05d}",
        "anonymous_id": "",
        "message_id": message_id,
        "timestamp": now,
        "received_at": now,
        "payload": payloads[event_type],
        "context": {},
        "removed": [],
    }


async def run() -> list[Ratio]:
    """Measure inserts of a sink that keeps up (small) and of one that catches up (large)."""
    with folder() as state:
        async with warehouse(state) as clickhouse:
            await clickhouse.command(f"CREATE TABLE {NULL_TABLE} AS {EVENTS_TABLE} ENGINE = Null")
            return [await _measured(clickhouse, size) for size in BATCHES]


async def _measured(clickhouse: ClickHouse, size: int) -> Ratio:
    sink = ClickHouseWarehouse(clickhouse=clickhouse, faults=NO_FAULTS)
    rows = (rows_of(records(size, seed=seed), 0) for seed in itertools.count())
    token = (f"bench:{size}:{number}" for number in itertools.count())

    async def stored() -> float:
        # New rows each time: equal rows would be dropped as duplicates.
        return await per_second(size, partial(sink.insert, next(rows), next(token)))

    async def parsed() -> float:
        work = partial(
            clickhouse.insert_json_lines,
            NULL_TABLE,
            next(rows),
            settings={**JSON_INSERT_SETTINGS, **ONCE_SETTINGS},
            timeout_s=INSERT_TIMEOUT_S,
        )
        return await per_second(size, work)

    ours, theirs = await in_turn(ROUNDS, stored, parsed)
    return Ratio(f"stored, {size:,} rows an insert", "parsed only", ours, theirs, "rows/s", at_least(0.25))
