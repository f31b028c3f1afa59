"""Each port of membership, in memory and on the real engines."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.contracts.topics import COMPUTE_RESULTS, EVENTS, MEMBERSHIP_CHANGES
from segops_common.core.clock import Clock, SystemClock
from segops_common.core.faults import NO_FAULTS
from segops_common.security.sealing import Sealer
from segops_common.stores.clickhouse import ClickHouse
from segops_common.stores.postgres import create_engine
from segops_common.stores.redis import create_redis
from segops_common.stores.redis_breaker import RedisBreaker
from segops_common.streams.memory import MemoryEventLog
from segops_common.telemetry.metrics import Metrics
from segops_language.events import Event
from segops_membership.adapters.clickhouse.consents import ClickHouseConsents
from segops_membership.adapters.clickhouse.evaluation import ClickHouseEvaluation
from segops_membership.adapters.clickhouse.explorer.activity import StoredTenantActivity
from segops_membership.adapters.clickhouse.explorer.analytics import ClickHouseAnalytics
from segops_membership.adapters.clickhouse.explorer.events import ClickHouseStoredEvents
from segops_membership.adapters.clickhouse.explorer.segments import ClickHouseSegmentSizes
from segops_membership.adapters.clickhouse.explorer.users import ClickHouseUserDirectory
from segops_membership.adapters.clickhouse.identity.join_reader import ClickHouseJoinReader
from segops_membership.adapters.clickhouse.identity.merges import ClickHouseMergeProjection
from segops_membership.adapters.clickhouse.members.changes import ClickHouseChangeHistory
from segops_membership.adapters.clickhouse.members.sets import ClickHouseMemberSets
from segops_membership.adapters.clickhouse.membership_reader import ClickHouseMembershipReader
from segops_membership.adapters.clickhouse.observed_events import ClickHouseObservedEvents
from segops_membership.adapters.clickhouse.privacy.expired_events import ClickHouseExpiredEvents
from segops_membership.adapters.clickhouse.privacy.records import ClickHousePersonRecords
from segops_membership.adapters.clickhouse.privacy.stores import ClickHousePersonStores
from segops_membership.adapters.clickhouse.privacy.suppressions import ClickHouseSuppressions
from segops_membership.adapters.clickhouse.profile_events import ClickHouseProfileEvents
from segops_membership.adapters.clickhouse.profiles import ClickHouseProfiles
from segops_membership.adapters.clickhouse.run_results import ClickHouseRunResults
from segops_membership.adapters.clickhouse.static_lists import StoredStaticLists
from segops_membership.adapters.files.export_folder import ExportFolder
from segops_membership.adapters.log.ingest_watermark import LogIngestWatermark
from segops_membership.adapters.log.reporter import LogReporter
from segops_membership.adapters.memory.activations.consents import MemoryConsents
from segops_membership.adapters.memory.activations.store import MemoryActivations
from segops_membership.adapters.memory.evaluation import MemoryEvaluation
from segops_membership.adapters.memory.events import MemoryObservedEvents, MemoryProfileEvents
from segops_membership.adapters.memory.explorer.analytics import MemoryAnalytics
from segops_membership.adapters.memory.explorer.events import MemoryStoredEvents
from segops_membership.adapters.memory.explorer.segments import MemorySegmentSizes
from segops_membership.adapters.memory.explorer.status import MemoryTenantActivity
from segops_membership.adapters.memory.explorer.users import MemoryUserDirectory
from segops_membership.adapters.memory.identity.joins import MemoryJoinReader
from segops_membership.adapters.memory.identity.merges import MemoryMergeProjection, MemoryMergeStore
from segops_membership.adapters.memory.ingest_watermark import MemoryIngestWatermark
from segops_membership.adapters.memory.members.changes import MemoryChangeHistory
from segops_membership.adapters.memory.members.exports import MemoryExportFiles, MemoryExports
from segops_membership.adapters.memory.members.sets import MemoryMemberSets
from segops_membership.adapters.memory.membership import MemoryMembershipCache, MemoryMembershipReader
from segops_membership.adapters.memory.privacy.erasures import MemoryErasures
from segops_membership.adapters.memory.privacy.exits import MemoryErasedExits
from segops_membership.adapters.memory.privacy.responses import MemoryKeptResponses
from segops_membership.adapters.memory.privacy.retention import MemoryExpiredEvents, MemoryRetentions
from segops_membership.adapters.memory.privacy.stores import MemoryPersonRecords, MemoryPersonStores
from segops_membership.adapters.memory.privacy.suppressions import MemorySuppressions
from segops_membership.adapters.memory.profiles import MemoryProfileNumberSequence, MemoryProfiles
from segops_membership.adapters.memory.publication_log import MemoryPublicationLog
from segops_membership.adapters.memory.reporter import MemoryReporter
from segops_membership.adapters.memory.run_results import MemoryRunResults
from segops_membership.adapters.memory.segment_definitions import MemorySegmentDefinitions
from segops_membership.adapters.memory.static_lists import MemoryStaticLists
from segops_membership.adapters.memory.tenant_leases import MemoryTenantLeases
from segops_membership.adapters.memory.warehouse import MemoryWarehouse
from segops_membership.adapters.postgres.activations import PostgresActivations
from segops_membership.adapters.postgres.exports import PostgresExports
from segops_membership.adapters.postgres.identity_merges import PostgresMergeStore
from segops_membership.adapters.postgres.privacy.erasures import PostgresErasures
from segops_membership.adapters.postgres.privacy.exits import PostgresErasedExits
from segops_membership.adapters.postgres.privacy.responses import PostgresKeptResponses
from segops_membership.adapters.postgres.privacy.retention import PostgresRetentions
from segops_membership.adapters.postgres.profile_numbers import PostgresProfileNumberSequence
from segops_membership.adapters.postgres.publication_log import PostgresPublicationLog
from segops_membership.adapters.postgres.segment_definitions import PostgresSegmentDefinitions
from segops_membership.adapters.postgres.tenant_leases import PostgresTenantLeases
from segops_membership.adapters.redis.membership_cache import RedisMembershipCache
from segops_membership.domain.identity.joins import Claim, IdentityFacts
from segops_membership.domain.identity.merges import Resolution
from segops_membership.ports.activations.consents import Consents
from segops_membership.ports.activations.store import Activations
from segops_membership.ports.evaluation import Evaluation
from segops_membership.ports.events import ObservedEventsReader, ProfileEvents
from segops_membership.ports.explorer.analytics import AnalyticsReader
from segops_membership.ports.explorer.events import StoredEvents
from segops_membership.ports.explorer.segments import SegmentSizes
from segops_membership.ports.explorer.status import TenantActivity
from segops_membership.ports.explorer.users import UserDirectory
from segops_membership.ports.identity.joins import JoinReader
from segops_membership.ports.identity.merges import MergeProjection, MergeStore
from segops_membership.ports.ingest_watermark import IngestWatermark
from segops_membership.ports.members.changes import ChangeHistory
from segops_membership.ports.members.export_files import ExportFiles
from segops_membership.ports.members.exports import Exports
from segops_membership.ports.members.sets import MemberSets
from segops_membership.ports.membership import MembershipCache, MembershipReader
from segops_membership.ports.privacy.erasures import Erasures
from segops_membership.ports.privacy.exits import ErasedExits
from segops_membership.ports.privacy.records import PersonRecords
from segops_membership.ports.privacy.responses import KeptResponses
from segops_membership.ports.privacy.retention import ExpiredEvents, Retentions
from segops_membership.ports.privacy.stores import PersonStores
from segops_membership.ports.privacy.suppressions import Suppressions
from segops_membership.ports.profiles import ProfileNumberSequence, Profiles
from segops_membership.ports.publication_log import PublicationLog
from segops_membership.ports.reporter import PublicationSignal, Reporter
from segops_membership.ports.run_results import RunResults
from segops_membership.ports.segment_definitions import SegmentDefinitions
from segops_membership.ports.static_lists import StaticLists
from segops_membership.ports.tenant_leases import TenantLeases
from segops_testkit.clock import ManualClock
from tests.integration.membership.harness import event_row, insert_events, insert_rows, migrate_all
from tests.integration.membership.joined import store_merges

MAX_EVENTS = 3
"""How many events of a profile the adapters under test read."""
SEARCHED = 4
"""How many events the adapters under test search for a text at once."""

StoreEvents = Callable[[int, Sequence[Event]], Awaitable[None]]
StoreFacts = Callable[[int, Sequence[Claim], Sequence[Resolution]], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """One adapter of each port; `store_events` stores events of a tenant as ingestion does."""

    leases: TenantLeases
    publications: PublicationLog
    sequence: ProfileNumberSequence
    profiles: Profiles
    lists: StaticLists
    definitions: SegmentDefinitions
    results: RunResults
    reader: MembershipReader
    member_sets: MemberSets
    changes: ChangeHistory
    activations: Activations
    consents: Consents
    exports: Exports
    files: ExportFiles
    cache: MembershipCache
    signal: PublicationSignal
    reporter: Reporter
    watermark: IngestWatermark
    joins: JoinReader
    store_facts: StoreFacts
    """Store claims, each as an event of its user, and resolutions."""
    profile_events: ProfileEvents
    observed_events: ObservedEventsReader
    evaluation: Evaluation
    users: UserDirectory
    stored_events: StoredEvents
    sizes: SegmentSizes
    analytics: AnalyticsReader
    activity: TenantActivity
    merges: MergeStore
    projection: MergeProjection
    erasures: Erasures
    exits: ErasedExits
    responses: KeptResponses
    retentions: Retentions
    expired_events: ExpiredEvents
    suppressions: Suppressions
    people: PersonStores
    records: PersonRecords
    store_events: StoreEvents
    clock: Clock


@pytest.fixture(scope="session")
def postgres_url(postgres_urls: dict[str, str]) -> str:
    """The database for the role of the service, which sees one tenant at a time."""
    return postgres_urls["membership"]


@pytest.fixture
def memory_ports() -> Ports:
    """Everything in this process."""
    clock = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
    warehouse = MemoryWarehouse()
    leases = MemoryTenantLeases(clock=clock)
    results = MemoryRunResults(warehouse=warehouse)
    cache = MemoryMembershipCache(clock=clock)

    async def store_events(tenant_id: int, events: Sequence[Event]) -> None:
        warehouse.tenant(tenant_id).add_events(events)

    async def store_facts(tenant_id: int, claims: Sequence[Claim], resolutions: Sequence[Resolution]) -> None:
        rows = warehouse.tenant(tenant_id)
        known_since: dict[str, int] = {}
        for claim in claims:
            known_since[claim.user_id] = min(known_since.get(claim.user_id, claim.timestamp_ms), claim.timestamp_ms)
        rows.facts = rows.facts.with_more(IdentityFacts(tuple(claims), known_since, tuple(resolutions)))

    activations = MemoryActivations(clock=clock)
    return Ports(
        leases=leases,
        publications=MemoryPublicationLog(leases=leases),
        sequence=MemoryProfileNumberSequence(),
        profiles=MemoryProfiles(warehouse=warehouse),
        lists=MemoryStaticLists(warehouse=warehouse),
        definitions=MemorySegmentDefinitions(),
        results=results,
        reader=MemoryMembershipReader(results=results),
        member_sets=MemoryMemberSets(results=results),
        changes=MemoryChangeHistory(results=results),
        activations=activations,
        consents=MemoryConsents(warehouse=warehouse, clock=clock),
        exports=MemoryExports(clock=clock),
        files=MemoryExportFiles(sets=MemoryMemberSets(results=results)),
        cache=cache,
        signal=cache,
        reporter=MemoryReporter(),
        watermark=MemoryIngestWatermark(),
        joins=MemoryJoinReader(warehouse=warehouse),
        store_facts=store_facts,
        profile_events=MemoryProfileEvents(warehouse=warehouse, max_events=MAX_EVENTS),
        observed_events=MemoryObservedEvents(warehouse=warehouse),
        evaluation=MemoryEvaluation(warehouse=warehouse),
        users=MemoryUserDirectory(warehouse=warehouse, results=results),
        stored_events=MemoryStoredEvents(warehouse=warehouse, searched=SEARCHED),
        sizes=MemorySegmentSizes(results=results),
        analytics=MemoryAnalytics(warehouse=warehouse, results=results),
        activity=MemoryTenantActivity(warehouse=warehouse, results=results, leases=leases, clock=clock),
        merges=MemoryMergeStore(),
        projection=MemoryMergeProjection(),
        erasures=MemoryErasures(clock=clock),
        exits=MemoryErasedExits(),
        responses=MemoryKeptResponses(activations=activations),
        retentions=MemoryRetentions(clock=clock),
        expired_events=MemoryExpiredEvents(warehouse=warehouse),
        suppressions=MemorySuppressions(),
        people=MemoryPersonStores(warehouse=warehouse, results=results),
        records=MemoryPersonRecords(warehouse=warehouse, results=results),
        store_events=store_events,
        clock=clock,
    )


@pytest.fixture(scope="session")
async def clickhouse(clickhouse_url: str, owner_url: str) -> AsyncIterator[ClickHouse]:
    """ClickHouse with all tables; PostgreSQL has them too."""
    clickhouse = ClickHouse(url=clickhouse_url)
    await migrate_all(clickhouse, owner_url)
    yield clickhouse
    await clickhouse.close()


@pytest.fixture(scope="session")
async def postgres(postgres_url: str) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(postgres_url)
    yield engine
    await engine.dispose()


@pytest.fixture
async def engine_ports(
    clickhouse: ClickHouse, postgres: AsyncEngine, redis_url: str, tmp_path: Path
) -> AsyncIterator[Ports]:
    """PostgreSQL, ClickHouse and Redis; the contract of event logs has suites of its own."""
    clock = SystemClock()
    redis = create_redis(redis_url, timeout_s=5)
    cache = RedisMembershipCache(breaker=RedisBreaker(redis=redis, clock=clock), random=Random(1))
    log = MemoryEventLog(clock=clock)
    await log.ensure_topics([COMPUTE_RESULTS, MEMBERSHIP_CHANGES, EVENTS])

    async def store_facts(tenant_id: int, claims: Sequence[Claim], resolutions: Sequence[Resolution]) -> None:
        rows = [
            event_row(
                tenant_id,
                Event(claim.user_id, "login", claim.message_id, claim.timestamp_ms, {}),
                anonymous_id=claim.anonymous_id,
                joins=True,
            )
            for claim in claims
        ]
        await insert_rows(clickhouse, rows)
        await store_merges(clickhouse, [(tenant_id, resolution) for resolution in resolutions])

    async def store_events(tenant_id: int, events: Sequence[Event]) -> None:
        await insert_events(clickhouse, ((tenant_id, event) for event in events))

    yield Ports(
        leases=PostgresTenantLeases(engine=postgres),
        publications=PostgresPublicationLog(engine=postgres),
        sequence=PostgresProfileNumberSequence(engine=postgres),
        profiles=ClickHouseProfiles(clickhouse=clickhouse),
        lists=StoredStaticLists(clickhouse=clickhouse, engine=postgres),
        definitions=PostgresSegmentDefinitions(engine=postgres),
        results=ClickHouseRunResults(clickhouse=clickhouse),
        reader=ClickHouseMembershipReader(clickhouse=clickhouse),
        member_sets=ClickHouseMemberSets(clickhouse=clickhouse),
        changes=ClickHouseChangeHistory(clickhouse=clickhouse),
        activations=PostgresActivations(engine=postgres, sealer=Sealer(secret="k" * 32, purpose="activations")),
        consents=ClickHouseConsents(clickhouse=clickhouse, clock=clock),
        exports=PostgresExports(engine=postgres),
        files=ExportFolder(folder=tmp_path / "exports", sets=ClickHouseMemberSets(clickhouse=clickhouse)),
        cache=cache,
        signal=cache,
        reporter=LogReporter(log=log, metrics=Metrics()),
        watermark=LogIngestWatermark(log=log, clock=clock),
        joins=ClickHouseJoinReader(clickhouse=clickhouse),
        store_facts=store_facts,
        profile_events=ClickHouseProfileEvents(clickhouse=clickhouse, max_events=MAX_EVENTS),
        observed_events=ClickHouseObservedEvents(clickhouse=clickhouse),
        evaluation=ClickHouseEvaluation(clickhouse=clickhouse),
        users=ClickHouseUserDirectory(clickhouse=clickhouse),
        stored_events=ClickHouseStoredEvents(clickhouse=clickhouse, searched=SEARCHED),
        sizes=ClickHouseSegmentSizes(clickhouse=clickhouse),
        analytics=ClickHouseAnalytics(clickhouse=clickhouse),
        activity=StoredTenantActivity(clickhouse=clickhouse, engine=postgres),
        merges=PostgresMergeStore(engine=postgres),
        projection=ClickHouseMergeProjection(clickhouse=clickhouse),
        erasures=PostgresErasures(engine=postgres, key="k" * 32),
        exits=PostgresErasedExits(engine=postgres, key="k" * 32),
        responses=PostgresKeptResponses(engine=postgres),
        retentions=PostgresRetentions(engine=postgres),
        expired_events=ClickHouseExpiredEvents(clickhouse=clickhouse),
        suppressions=ClickHouseSuppressions(clickhouse=clickhouse, key_id="key"),
        people=ClickHousePersonStores(clickhouse=clickhouse, faults=NO_FAULTS),
        records=ClickHousePersonRecords(clickhouse=clickhouse),
        store_events=store_events,
        clock=clock,
    )
    await redis.aclose()
    await log.close()
    # Sinks of other tests, which share the database and have another key, store nothing while somebody is suppressed.
    for shard in clickhouse.shards:
        await shard.command("TRUNCATE TABLE suppressions")


@pytest.fixture(params=["memory", "engine"])
def ports(request: pytest.FixtureRequest) -> Ports:
    """The adapters to test; engines start only for tests that use them."""
    ports: Ports = request.getfixturevalue(f"{request.param}_ports")
    return ports
