"""Imports on real engines: inserts by month, crashes in the middle, and live events that do not wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import orjson
import pytest
from pydantic import SecretStr

from segops_common.contracts.topics import EVENT_IMPORTS, EVENTS, IMPORT_SINK_GROUP
from segops_common.core.clock import SystemClock
from segops_common.core.faults import NO_FAULTS
from segops_common.stores.clickhouse import ClickHouse
from segops_common.streams.log import EventLog, Message, Record
from segops_common.streams.loop.batches import Batch
from segops_common.streams.open import open_event_log
from segops_common.streams.sink_progress import SinkProgress
from segops_ingest.adapters.clickhouse.warehouse import ClickHouseWarehouse
from segops_ingest.bootstrap import Bootstrap, SinkLoops
from segops_ingest.consumers.sink import Sink
from segops_ingest.domain.limits import MAX_INSERT_MONTHS
from segops_ingest.domain.rows import rows_of
from segops_ingest.ports.warehouse import InsertFailed
from segops_ingest.settings import Settings

MONTHS: Final = 105
TENANT: Final = 8123
TIMEOUT_S: Final = 120


class Crash(Exception):
    """The process ends here."""


@dataclass(slots=True)
class CrashInInsert:
    """Crashes in the middle of an insert, after some that succeed."""

    inserts_left: int

    def reach(self, name: str) -> None:
        self.inserts_left -= 1
        if self.inserts_left < 0:
            raise Crash(name)


def row(message_id: str, month: int = 0, **fields: Any) -> bytes:
    """A row of the topic, in one of the months since 1970."""
    at = f"{1970 + month // 12}-{1 + month % 12:02}-01 00:00:00.000"
    usual = {
        "tenant_id": TENANT,
        "kind": "track",
        "event_type": "purchase",
        "user_id": "u",
        "anonymous_id": "",
        "message_id": message_id,
        "timestamp": at,
        "received_at": "2026-05-20 12:00:00.123",
        "payload": {"month": month},
        "context": {},
        "removed": [],
        "position": 0,
    }
    return orjson.dumps(usual | fields) + b"\n"


def batch(mark: str) -> Batch:
    """One record with an event in each month."""
    value = b"".join(row(f"{mark}-{month}", month) for month in range(MONTHS))
    record = Record(offset=5, key=b"k", value=value)
    return Batch(topic=EVENT_IMPORTS.name, partition=3, first_offset=5, last_offset=5, records=(record,))


async def stored(clickhouse: ClickHouse, mark: str, *, final: bool = False) -> tuple[int, int]:
    """Return the number of rows and of events whose message id begins with the mark."""
    result = await clickhouse.query(
        f"SELECT count(), uniqExact(message_id) FROM events {'FINAL' * final}"
        " WHERE tenant_id = {t:UInt64} AND startsWith(message_id, {m:String})",
        {"t": TENANT, "m": mark},
    )
    rows, events = result.rows[0]
    return int(rows), int(events)


async def test_the_warehouse_refuses_many_months_at_once(warehouse: ClickHouse) -> None:
    whole = batch("control")
    rows = rows_of([(record.offset, record.value) for record in whole.records], whole.partition, is_import=True)
    with pytest.raises(InsertFailed, match="Too many partitions"):
        await ClickHouseWarehouse(clickhouse=warehouse, faults=NO_FAULTS).insert(rows, whole.token())


async def test_a_crash_in_the_middle_of_an_import_repeats_nothing(warehouse: ClickHouse) -> None:
    mark, inserts = "crash", 1
    crashing = Sink(warehouse=ClickHouseWarehouse(clickhouse=warehouse, faults=CrashInInsert(inserts)), is_import=True)
    with pytest.raises(InsertFailed):
        await crashing.handle(batch(mark))
    rows, events = await stored(warehouse, mark)
    assert rows == events == inserts * MAX_INSERT_MONTHS

    sink = Sink(warehouse=ClickHouseWarehouse(clickhouse=warehouse, faults=NO_FAULTS), is_import=True)
    for _ in range(2):
        await sink.handle(batch(mark))
    assert await stored(warehouse, mark) == (MONTHS, MONTHS)


async def test_the_tokens_of_imports_leave_room_for_those_of_live_events(warehouse: ClickHouse) -> None:
    result = await warehouse.query(
        "SELECT create_table_query FROM system.tables WHERE database = currentDatabase() AND name = 'events'"
    )
    assert "non_replicated_deduplication_window = 100000" in str(result.rows[0][0])


@pytest.fixture
async def log(redis_url: str) -> AsyncIterator[EventLog]:
    """A log of this module's own."""
    log = open_event_log(log_url(redis_url), clock=SystemClock())
    await log.ensure_topics([EVENTS, EVENTS.dead, EVENT_IMPORTS, EVENT_IMPORTS.dead])
    yield log
    await log.close()


def log_url(redis_url: str) -> str:
    return redis_url.replace("redis://", "valkey://").removesuffix("/0") + "/8"


@pytest.fixture
async def loops(warehouse: ClickHouse, clickhouse_url: str, redis_url: str) -> AsyncIterator[SinkLoops]:
    """The loops of a sink process, which do not run yet."""
    settings = Settings(
        clickhouse_url=clickhouse_url,
        event_log_url=log_url(redis_url),
        redis_url=redis_url,
        auth_url="http://127.0.0.1:1",
        service_token=SecretStr("between-us"),
    )
    async with Bootstrap(settings).sink() as loops:
        yield loops


@asynccontextmanager
async def running(*loops: Any) -> AsyncIterator[None]:
    stop = asyncio.Event()
    tasks = [asyncio.create_task(loop.run(stop)) for loop in loops]
    yield
    stop.set()
    await asyncio.gather(*tasks)


async def until(clickhouse: ClickHouse, mark: str, count: int) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while (await stored(clickhouse, mark, final=True))[1] != count:
            await asyncio.sleep(0.05)


async def test_live_events_do_not_wait_for_imports(warehouse: ClickHouse, log: EventLog, loops: SinkLoops) -> None:
    imports = [Message(key=b"k", value=row(f"lane-{n}", n)) for n in range(40)]
    await log.append_many(EVENT_IMPORTS, imports)
    # The lane of imports stands still.
    async with running(loops.live):
        await log.append(EVENTS, b"k", row("live-1"))
        await until(warehouse, "live-", 1)
        assert await log.positions(IMPORT_SINK_GROUP, EVENT_IMPORTS) == {}
        assert (await stored(warehouse, "lane-"))[0] == 0
        async with running(loops.imports):
            await until(warehouse, "lane-", len(imports))


async def all_stored(log: EventLog) -> None:
    """Wait until everything in the log is stored."""
    progress = SinkProgress(log=log, clock=SystemClock())
    ends = await progress.ends()
    async with asyncio.timeout(TIMEOUT_S):
        while await progress.missing(ends):
            await asyncio.sleep(0.05)


async def test_an_event_that_was_also_sent_live_keeps_that_content(
    warehouse: ClickHouse, log: EventLog, loops: SinkLoops
) -> None:
    async def content() -> list[str]:
        sql = "SELECT payload.by::String FROM events FINAL WHERE tenant_id = {t:UInt64} AND message_id = 'both'"
        return [str(value) for (value,) in (await warehouse.query(sql, {"t": TENANT})).rows]

    async with running(loops.imports):
        for name in ("import", "another import"):
            await log.append(EVENT_IMPORTS, b"k", row("both", payload={"by": name}))
        await all_stored(log)
    assert await content() == ["import"]
    async with running(loops.live):
        # The live event has a greater offset than the imports.
        await log.append_many(EVENTS, [Message(key=b"k", value=row(f"before-{n}")) for n in range(60)])
        await log.append(EVENTS, b"k", row("both", payload={"by": "live"}))
        await all_stored(log)
    assert await content() == ["live"]
    profile = await warehouse.query(
        "SELECT min(first_seen) FROM profile_seen WHERE tenant_id = {t:UInt64} AND user_id = 'u'", {"t": TENANT}
    )
    assert profile.rows[0][0].year == 1970
