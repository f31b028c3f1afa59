"""Every acknowledged event is in the warehouse exactly once, whatever is killed in between.

A run that did not reach its windows is an error, not a pass, and with the protection switched off it must fail.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from segops_common.contracts.topics import EVENT_IMPORTS, EVENTS
from segops_common.core.clock import SystemClock
from segops_common.stores.clickhouse import ClickHouse
from segops_common.stores.clickhouse_migrations import SINGLE_NODE, migrate
from segops_common.streams.log import APPEND_DEADLINE_S, EventLog
from segops_common.streams.open import open_event_log
from segops_ingest.adapters.clickhouse.warehouse import MIGRATIONS, SERVICE
from segops_local.engines import ClickHouseEngine, KafkaEngine, ValkeyEngine
from segops_local.engines.clickhouse_shards import clickhouse_shards, shards_url
from tests.faults.sink.harness import Comparison, Producer, Sinks, compare, until_drained
from tests.shared.fork_server import ForkServer

EVENT_COUNT = 20_000
"""The least that a run sends."""
SENDING_S = 5
LONGER_THAN_AN_APPEND_WAITS_S = APPEND_DEADLINE_S + 1
WINDOWS = ("after_intent", "mid_insert", "after_insert", "after_commit")
CRASH_POINTS = [f"{window}:0.12" for window in WINDOWS]
PLAIN_TABLE = {**SINGLE_NODE, "versioned_merge_tree": "MergeTree"}
"""No merging by key, so that a repeated insert shows as rows."""


@dataclass(frozen=True, slots=True)
class Engines:
    """The engines of one run, which it may kill."""

    shards: Sequence[ClickHouseEngine]
    journal: ValkeyEngine | KafkaEngine
    clickhouse: ClickHouse
    log: EventLog
    folder: Path

    @property
    def warehouse(self) -> ClickHouseEngine:
        """The only server, or the first shard."""
        return self.shards[0]


def log_url(journal: ValkeyEngine | KafkaEngine) -> str:
    return journal.url.replace("redis://", "valkey://")


@asynccontextmanager
async def started_engines(
    folder: Path,
    tables: Mapping[str, str],
    journal: ValkeyEngine | KafkaEngine | None = None,
    *,
    shards: int = 1,
) -> AsyncIterator[Engines]:
    """Engines with the tables and topics of ingest; the log is on Valkey streams unless another one is given."""
    warehouse = clickhouse_shards(folder / "clickhouse", shards)
    journal = journal or ValkeyEngine(folder / "valkey")
    async with AsyncExitStack() as stack:
        for engine in (*warehouse, journal):
            stack.push_async_callback(engine.stop)
            await engine.start()
        clickhouse = ClickHouse(url=shards_url(warehouse))
        stack.push_async_callback(clickhouse.close)
        log = open_event_log(log_url(journal), clock=SystemClock())
        stack.push_async_callback(log.close)
        await migrate(clickhouse, SERVICE, MIGRATIONS, tables)
        await log.ensure_topics([EVENTS, EVENTS.dead, EVENT_IMPORTS, EVENT_IMPORTS.dead])
        yield Engines(warehouse, journal, clickhouse, log, folder)


def windows_were_hit(sinks: Sinks, *, hits_each: int, replays: int) -> bool:
    hits = sinks.windows_hit()
    return all(hits[window] >= hits_each for window in WINDOWS) and hits["replays"] >= replays


def assert_exactly_once(comparison: Comparison) -> None:
    assert comparison.acked >= EVENT_COUNT
    assert (comparison.lost, comparison.invented, comparison.duplicated) == (frozenset(), frozenset(), 0)
    assert comparison.rows == comparison.acked


async def kill(
    engine: ClickHouseEngine | ValkeyEngine | KafkaEngine, *, after_s: Sequence[float], down_s: float = 0.0
) -> None:
    """SIGKILL after each of the delays, and start again."""
    for delay_s in after_s:
        await asyncio.sleep(delay_s)
        engine.kill()
        await asyncio.sleep(down_s)
        await engine.start()


async def run(
    engines: Engines,
    forks: ForkServer,
    *troubles: Coroutine[Any, Any, None],
    hits_each: int,
    replays: int,
    imports: float = 0,
) -> Producer:
    """Send everything through crashing sinks while the troubles happen, and wait until it is stored.

    More is sent until each window was hit `hits_each` times and `replays` batches were repeated, for two minutes at
    most: the time to get there depends on the machine. A run that does not get there fails.
    """
    sinks = Sinks(forks, log_url(engines.journal), shards_url(engines.shards), CRASH_POINTS, engines.folder)
    producer = Producer(engines.log, seed=1, imports=imports)
    async with asyncio.TaskGroup() as group:
        sinks.start(group)
        async with asyncio.TaskGroup() as meanwhile:
            meanwhile.create_task(producer.send(EVENT_COUNT, over_s=SENDING_S))
            for trouble in troubles:
                meanwhile.create_task(trouble)
        for _ in range(240):
            if windows_were_hit(sinks, hits_each=hits_each, replays=replays):
                break
            await producer.send(EVENT_COUNT // 20, over_s=0.5)
        await until_drained(engines.clickhouse, producer.acked, within_s=120)
        await sinks.stop()
    hits = dict(sinks.windows_hit())
    assert windows_were_hit(sinks, hits_each=hits_each, replays=replays), f"the run proves nothing, windows hit: {hits}"
    return producer


async def test_crashes_at_every_window_and_kills_of_the_warehouse(tmp_path: Path, forks: ForkServer) -> None:
    async with started_engines(tmp_path, PLAIN_TABLE) as engines:
        producer = await run(engines, forks, kill(engines.warehouse, after_s=(1, 1.5, 1.5)), hits_each=2, replays=10)
        assert_exactly_once(await compare(engines.clickhouse, producer.acked))
        await assert_every_profile_was_seen(engines.clickhouse)


@pytest.mark.ops
async def test_kills_of_both_shards_of_a_warehouse(tmp_path: Path, forks: ForkServer) -> None:
    async with started_engines(tmp_path, PLAIN_TABLE, shards=2) as engines:
        troubles = [kill(shard, after_s=(1, 1.5, 1.5)) for shard in engines.shards]
        producer = await run(engines, forks, *troubles, hits_each=2, replays=10)
        comparison = await compare(engines.clickhouse, producer.acked)
        # What is too heavy for one shard of a slow machine is halved, and repeated on the other one: equal rows, which are merged.
        if was_halved(engines.folder):
            comparison = replace(comparison, rows=comparison.rows - comparison.duplicated, duplicated=0)
        assert_exactly_once(comparison)
        await assert_every_profile_was_seen(engines.clickhouse)
        await assert_each_profile_is_on_its_shard(engines.clickhouse)


@pytest.mark.ops
async def test_without_the_deduplication_window_of_one_shard_the_same_run_fails(
    tmp_path: Path, forks: ForkServer
) -> None:
    async with started_engines(tmp_path, PLAIN_TABLE, shards=2) as engines:
        _, second = engines.clickhouse.shards
        await second.command("ALTER TABLE events MODIFY SETTING non_replicated_deduplication_window = 0")
        producer = await run(engines, forks, hits_each=2, replays=10)
        comparison = await compare(engines.clickhouse, producer.acked)
        assert (comparison.lost, comparison.invented) == (frozenset(), frozenset())
        assert comparison.duplicated > 0


@pytest.mark.long
async def test_imports_into_many_months(tmp_path: Path, forks: ForkServer) -> None:
    async with started_engines(tmp_path, PLAIN_TABLE) as engines:
        trouble = kill(engines.warehouse, after_s=(1, 1.5, 1.5))
        producer = await run(engines, forks, trouble, hits_each=2, replays=10, imports=0.1)
        assert_exactly_once(await compare(engines.clickhouse, producer.acked))
        await assert_every_profile_was_seen(engines.clickhouse)


async def test_kills_of_the_log_and_repeats_of_its_clients(tmp_path: Path, forks: ForkServer) -> None:
    async with started_engines(tmp_path, SINGLE_NODE) as engines:
        producer = await run(
            engines,
            forks,
            kill(engines.journal, after_s=(2,), down_s=LONGER_THAN_AN_APPEND_WAITS_S),
            kill(engines.warehouse, after_s=(6,)),
            hits_each=2,
            replays=5,
        )
        assert producer.repeats >= 1, "no append failed while the log was killed"
        assert_exactly_once(await compare(engines.clickhouse, producer.acked, final=True))


@pytest.mark.kafka
async def test_on_kafka(tmp_path: Path, forks: ForkServer, kafka_possible: None) -> None:
    async with started_engines(tmp_path, SINGLE_NODE, KafkaEngine(tmp_path / "kafka")) as engines:
        troubles = kill(engines.journal, after_s=(3,)), kill(engines.warehouse, after_s=(6,))
        producer = await run(engines, forks, *troubles, hits_each=1, replays=3)
        assert_exactly_once(await compare(engines.clickhouse, producer.acked, final=True))


async def test_without_the_deduplication_window_the_same_run_fails(tmp_path: Path, forks: ForkServer) -> None:
    async with started_engines(tmp_path, PLAIN_TABLE) as engines:
        await engines.clickhouse.command("ALTER TABLE events MODIFY SETTING non_replicated_deduplication_window = 0")
        producer = await run(engines, forks, hits_each=2, replays=5)
        comparison = await compare(engines.clickhouse, producer.acked)
        assert (comparison.lost, comparison.invented) == (frozenset(), frozenset())
        assert comparison.duplicated > 0


def was_halved(folder: Path) -> bool:
    """Return whether a sink has halved a batch."""
    return any("it is too heavy" in file.read_text() for file in folder.glob("sink-*.err"))


async def assert_each_profile_is_on_its_shard(clickhouse: ClickHouse) -> None:
    """Both shards have rows, and each only the rows of its profiles."""
    for index, shard in enumerate(clickhouse.shards):
        result = await shard.query("SELECT groupUniqArray(user_key % 2) FROM events")
        assert list(result.rows[0][0]) == [index]


async def assert_every_profile_was_seen(clickhouse: ClickHouse) -> None:
    """`profile_seen` has exactly the profiles of `events`, each with its first instant."""
    profiles = await clickhouse.query("SELECT user_key, first_seen FROM profile_seen FINAL ORDER BY user_key")
    events = await clickhouse.query("SELECT user_key, min(timestamp) FROM events GROUP BY user_key ORDER BY user_key")
    assert list(profiles.rows) == list(events.rows)
