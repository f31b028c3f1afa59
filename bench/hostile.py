"""Time to store events whose names no other event has, against usual events of as many bytes over the same 12 months."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial

import orjson

from bench.harness.engines import folder, warehouse
from bench.harness.pairs import in_turn, milliseconds
from bench.report import Ratio, at_most
from segops_common.core.faults import NO_FAULTS
from segops_common.stores.clickhouse import ClickHouse
from segops_ingest.adapters.clickhouse.warehouse import ClickHouseWarehouse

ROUNDS = 5
EVENTS = 96
Payload = Callable[[int], dict[str, object]]


def names(number: int) -> dict[str, object]:
    """Return 400 properties."""
    return {f"k{number}_{name}": name for name in range(400)}


def arrays(number: int) -> dict[str, object]:
    """Return 40 arrays of an object with 10 properties."""
    return {f"k{number}_{name}": [{f"n{number}_{name}_{i}": i for i in range(10)}] for name in range(40)}


def usual(number: int) -> dict[str, object]:
    """Return properties whose names all events share."""
    return {"path": f"/p/{number % 50}", "amount": number * 1.5, "items": [{"sku": f"sku-{number % 9}"}]}


def rows(count: int, payload: Payload, first: int) -> bytes:
    """Return rows over 12 months; their payloads are numbered from `first`."""
    return b"".join(
        orjson.dumps(
            {
                "tenant_id": 1,
                "kind": "track",
                "event_type": "e",
                "user_id": f"user-{number}",
                "anonymous_id": "",
                "message_id": str(number),
                "timestamp": f"2026-{1 + number % 12:02}-20 12:00:00.000",
                "received_at": "2026-12-20 12:00:00.000",
                "payload": payload(number),
                "context": {},
                "removed": [],
                "source_partition": 0,
                "source_offset": number,
            }
        )
        + b"\n"
        for number in range(first, first + count)
    )


async def run() -> list[Ratio]:
    """Measure flat payloads and arrays of objects."""
    with folder() as state:
        async with warehouse(state) as clickhouse:
            return [
                await _measured(clickhouse, "400 names an event", names),
                await _measured(clickhouse, "40 arrays of objects an event", arrays),
            ]


async def _measured(clickhouse: ClickHouse, what: str, payload: Payload) -> Ratio:
    sink = ClickHouseWarehouse(clickhouse=clickhouse, faults=NO_FAULTS)
    token = (f"bench:{what}:{number}" for number in itertools.count())
    first = itertools.count(0, 100_000)
    size = len(rows(EVENTS, payload, 0))
    plain = size // (len(rows(EVENTS, usual, 0)) // EVENTS)

    async def hostile() -> float:
        return await milliseconds(partial(sink.insert, rows(EVENTS, payload, next(first)), next(token)))

    async def usually() -> float:
        return await milliseconds(partial(sink.insert, rows(plain, usual, next(first)), next(token)))

    ours, theirs = await in_turn(ROUNDS, hostile, usually)
    return Ratio(f"{EVENTS} events, {what}", f"usual events of {size // 1024} KiB", ours, theirs, "ms", at_most(10))
