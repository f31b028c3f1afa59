"""Membership on real engines: stores events, runs jobs and looks users up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random

from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncEngine

import segops_ingest
import segops_membership
from segops_common.contracts.jobs import (
    ComputeResult,
    ComputeResultMessage,
    FailedResult,
    MembershipChanged,
    SucceededResult,
)
from segops_common.contracts.topics import COMPUTE_RESULTS, MEMBERSHIP_CHANGES, Topic
from segops_common.contracts.warehouse import JSON_INSERT_SETTINGS
from segops_common.core.clock import SystemClock
from segops_common.core.faults import NO_FAULTS, FaultPoints
from segops_common.stores.clickhouse import ClickHouse
from segops_common.stores.clickhouse_migrations import migrate
from segops_common.stores.postgres import create_engine
from segops_common.stores.postgres_migrations import migrate_postgres
from segops_common.stores.redis import create_redis
from segops_common.stores.redis_breaker import RedisBreaker
from segops_common.streams.log import EventLog
from segops_common.streams.memory import MemoryEventLog
from segops_common.streams.open import open_event_log
from segops_common.telemetry.metrics import Metrics
from segops_ingest.domain.inspection import serialise
from segops_language.events import Event
from segops_language.values.instants import from_ms
from segops_membership.adapters.clickhouse.evaluation import DEFAULT_MEMORY_BYTES, ClickHouseEvaluation
from segops_membership.adapters.clickhouse.identity.join_reader import ClickHouseJoinReader
from segops_membership.adapters.clickhouse.membership_reader import ClickHouseMembershipReader
from segops_membership.adapters.clickhouse.profile_events import ClickHouseProfileEvents
from segops_membership.adapters.clickhouse.profiles import ClickHouseProfiles
from segops_membership.adapters.clickhouse.run_results import ClickHouseRunResults
from segops_membership.adapters.clickhouse.static_lists import StoredStaticLists
from segops_membership.adapters.log.ingest_watermark import LogIngestWatermark
from segops_membership.adapters.log.reporter import LogReporter
from segops_membership.adapters.log.unstored_events import LogUnstoredEvents
from segops_membership.adapters.merging import projected_merges_on
from segops_membership.adapters.postgres.profile_numbers import PostgresProfileNumberSequence
from segops_membership.adapters.postgres.publication_log import PostgresPublicationLog
from segops_membership.adapters.postgres.segment_definitions import PostgresSegmentDefinitions
from segops_membership.adapters.postgres.tenant_leases import PostgresTenantLeases
from segops_membership.adapters.redis.membership_cache import RedisMembershipCache
from segops_membership.service.analysis.explain import Explain
from segops_membership.service.compute.run import ComputeRun
from segops_membership.service.identity.persons import Persons
from segops_membership.service.lookup.lookup import Lookup
from segops_membership.service.lookup.membership_now import MembershipNow
from segops_membership.service.lookup.publication_watermark import PublicationWatermark
from segops_membership.service.profile_loader import ProfileLoader
from segops_membership.service.profile_numbering import ProfileNumbering
from segops_membership.service.publish.publisher import Publisher
from segops_membership.service.static_lists import StaticListVersions, StoreStaticLists
from segops_membership.service.tenant_lease import LeaseHolder
from tests.corpus.lists import list_changes

INGEST_MIGRATIONS = Path(segops_ingest.__file__).parent / "migrations"
MEMBERSHIP_MIGRATIONS = Path(segops_membership.__file__).parent / "migrations"


def event_row(tenant_id: int, event: Event, offset: int = 0, **columns: str | bool) -> bytes:
    """Return the event as ingestion stores it; of deliveries of one event, that with the least offset stays.

    `columns` are other than usual.
    """
    at = from_ms(event.timestamp_ms).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    kind = "identify" if event.event_type == "$identify" else "track"
    removed = [key for key, value in event.payload.items() if value is None] if kind == "identify" else []
    row = {
        "tenant_id": tenant_id,
        "kind": kind,
        "event_type": event.event_type,
        "user_id": event.profile_id,
        "anonymous_id": "",
        "message_id": event.message_id,
        "position": event.position,
        "timestamp": at,
        "received_at": at,
        "payload": event.payload,
        "context": {},
        "removed": removed,
        "source_offset": offset,
        **columns,
    }
    return serialise(row, "payload") + b"\n"


async def insert_events(clickhouse: ClickHouse, events: Iterable[tuple[int, Event]]) -> None:
    """Store events of tenants in one insert."""
    await _insert_rows(clickhouse, (event_row(tenant_id, stored_event) for tenant_id, stored_event in events))


async def insert_deliveries(clickhouse: ClickHouse, tenant_id: int, events: Sequence[Event]) -> None:
    """Store events in several inserts, not in the order in which they were accepted, which is the given one."""
    await insert_rows(
        clickhouse, [event_row(tenant_id, stored_event, offset) for offset, stored_event in enumerate(events)]
    )


async def insert_rows(clickhouse: ClickHouse, rows: Sequence[bytes]) -> None:
    """Store rows in several inserts, some of them twice."""
    # ClickHouse merges within an insert, so the two deliveries of an event must come in two inserts.
    for part in (rows[1::2], rows[::2], rows[::3]):
        await _insert_rows(clickhouse, part)


async def _insert_rows(clickhouse: ClickHouse, rows: Iterable[bytes]) -> None:
    lines = b"".join(rows)
    if lines:
        await clickhouse.insert_json_lines("events", lines, settings=JSON_INSERT_SETTINGS)


async def insert_lists(
    clickhouse: ClickHouse, tenant_id: int, lists: Mapping[int, frozenset[str]], others: Iterable[str]
) -> None:
    """Store changes of lists: versions 2 and 3 make the given lists; `others` are in other versions only."""
    columns = ("tenant_id", "segment_id", "list_version", "user_id", "present")
    await clickhouse.insert("static_members", [(tenant_id, *change) for change in list_changes(lists, others)], columns)


async def migrate_all(clickhouse: ClickHouse, owner_url: str) -> None:
    """Create all tables that membership writes or reads."""
    await migrate(clickhouse, "ingest", INGEST_MIGRATIONS)
    await migrate(clickhouse, "membership", MEMBERSHIP_MIGRATIONS)
    await migrate_postgres(owner_url, "membership", MEMBERSHIP_MIGRATIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipHarness:
    """A worker and an API in this process, on real engines."""

    clickhouse: ClickHouse
    engine: AsyncEngine
    redis: Redis
    log: EventLog
    leases: PostgresTenantLeases
    sequence: PostgresProfileNumberSequence
    publications: PostgresPublicationLog
    run_results: ClickHouseRunResults
    lease_holder: LeaseHolder
    numbering: ProfileNumbering
    lists: StoreStaticLists
    compute: ComputeRun
    lookup: Lookup

    async def insert(self, tenant_id: int, events: Sequence[Event]) -> None:
        """Store events of one tenant."""
        await insert_events(self.clickhouse, ((tenant_id, stored_event) for stored_event in events))

    async def results(self, tenant_id: int) -> list[ComputeResult]:
        """Return the reports of the tenant's runs, oldest first."""
        messages = [ComputeResultMessage.model_validate_json(line).root for line in await self._lines(COMPUTE_RESULTS)]
        return [result for result in messages if result.tenant_id == tenant_id]

    async def succeeded(self, tenant_id: int) -> SucceededResult:
        """Return the newest report of the tenant's runs, which must be a success."""
        result = (await self.results(tenant_id))[-1]
        assert isinstance(result, SucceededResult), result
        return result

    async def failed(self, tenant_id: int) -> FailedResult:
        """Return the newest report of the tenant's runs, which must be a failure."""
        result = (await self.results(tenant_id))[-1]
        assert isinstance(result, FailedResult), result
        return result

    async def changes(self, tenant_id: int) -> list[MembershipChanged]:
        """Return the reported changes of the tenant."""
        messages = [MembershipChanged.model_validate_json(line) for line in await self._lines(MEMBERSHIP_CHANGES)]
        return [change for change in messages if change.tenant_id == tenant_id]

    async def _lines(self, topic: Topic) -> list[bytes]:
        tails = [await self.log.tail(topic, partition, 10_000) for partition in range(topic.partitions)]
        return [line for records in tails for record in records for line in record.value.splitlines()]

    async def segments_of(self, tenant_id: int, user_id: str) -> tuple[int, ...]:
        """Look up the segments of a user."""
        return (await self.lookup.segments_of(tenant_id, user_id)).segment_ids


@asynccontextmanager
async def opened(
    *,
    clickhouse_url: str,
    postgres_url: str,
    redis_url: str,
    faults: FaultPoints = NO_FAULTS,
    lease_s: float = 10,
    event_log_url: str = "",
    memory_bytes: int = DEFAULT_MEMORY_BYTES,
    ingest_wait_s: float = 30,
) -> AsyncIterator[MembershipHarness]:
    """Open a worker and an API, with an event log in memory unless one is given."""
    clock = SystemClock()
    clickhouse = ClickHouse(url=clickhouse_url, max_connections=20)
    engine = create_engine(postgres_url)
    # A test machine under load may take longer than production allows.
    redis = create_redis(redis_url, timeout_s=2)
    log = open_event_log(event_log_url, clock=clock) if event_log_url else MemoryEventLog(clock=clock)
    await log.ensure_topics([COMPUTE_RESULTS, MEMBERSHIP_CHANGES])
    publications = PostgresPublicationLog(engine=engine)
    leases = PostgresTenantLeases(engine=engine)
    lease_holder = LeaseHolder(leases=leases, holder="test", ttl=timedelta(seconds=lease_s), clock=clock)
    sequence = PostgresProfileNumberSequence(engine=engine)
    numbering = ProfileNumbering(
        leases=lease_holder, sequence=sequence, profiles=ClickHouseProfiles(clickhouse=clickhouse), faults=faults
    )
    run_results = ClickHouseRunResults(clickhouse=clickhouse)
    lists = StoredStaticLists(clickhouse=clickhouse, engine=engine)
    cache = RedisMembershipCache(breaker=RedisBreaker(redis=redis, clock=clock), random=Random(1))
    metrics = Metrics()
    publisher = Publisher(
        publications=publications,
        results=run_results,
        reporter=LogReporter(log=log, metrics=metrics),
        signal=cache,
        faults=faults,
    )
    reader = ClickHouseMembershipReader(clickhouse=clickhouse)
    harness = MembershipHarness(
        clickhouse=clickhouse,
        engine=engine,
        redis=redis,
        log=log,
        leases=leases,
        sequence=sequence,
        publications=publications,
        run_results=run_results,
        lease_holder=lease_holder,
        numbering=numbering,
        lists=StoreStaticLists(lists=lists),
        compute=ComputeRun(
            leases=lease_holder,
            publications=publications,
            watermark=LogIngestWatermark(log=log, clock=clock, wait_s=ingest_wait_s),
            lists=StaticListVersions(lists=lists, clock=clock, wait_s=0.2),
            numbering=numbering,
            merges=projected_merges_on(engine, clickhouse),
            evaluation=ClickHouseEvaluation(clickhouse=clickhouse, memory_bytes=memory_bytes),
            results=run_results,
            publisher=publisher,
            clock=clock,
            metrics=metrics,
        ),
        lookup=Lookup(
            reader=reader,
            persons=Persons(reader=ClickHouseJoinReader(clickhouse=clickhouse)),
            cache=cache,
            watermark=PublicationWatermark(reader=reader, clock=clock),
            clock=clock,
            metrics=metrics,
        ),
    )
    try:
        yield harness
    finally:
        await redis.aclose()
        await engine.dispose()
        await clickhouse.close()
        await log.close()


def loader_on(harness: MembershipHarness) -> ProfileLoader:
    """Return a loader of profiles on the engines and the log of a harness."""
    return ProfileLoader(
        stored=ClickHouseProfileEvents(clickhouse=harness.clickhouse),
        unstored=LogUnstoredEvents(log=harness.log),
        lists=StoredStaticLists(clickhouse=harness.clickhouse, engine=harness.engine),
        persons=Persons(reader=ClickHouseJoinReader(clickhouse=harness.clickhouse)),
    )


def explain_on(harness: MembershipHarness) -> Explain:
    """Return the explain use case on the engines of a harness."""
    definitions = PostgresSegmentDefinitions(engine=harness.engine)
    return Explain(definitions=definitions, profiles=loader_on(harness), clock=SystemClock())


def now_on(harness: MembershipHarness) -> MembershipNow:
    """Return the use case that evaluates a user at this instant."""
    definitions = PostgresSegmentDefinitions(engine=harness.engine)
    return MembershipNow(definitions=definitions, profiles=loader_on(harness), clock=SystemClock())
