"""Builds the use cases for previews and explanations on a warehouse and a PostgreSQL."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.contracts.topics import EVENT_IMPORTS, EVENTS
from segops_common.core.clock import SystemClock
from segops_common.core.faults import NO_FAULTS
from segops_common.stores.clickhouse import ClickHouse
from segops_common.streams.memory import MemoryEventLog
from segops_membership.adapters.clickhouse.evaluation import ClickHouseEvaluation
from segops_membership.adapters.clickhouse.identity.join_reader import ClickHouseJoinReader
from segops_membership.adapters.clickhouse.profile_events import ClickHouseProfileEvents
from segops_membership.adapters.clickhouse.profiles import ClickHouseProfiles
from segops_membership.adapters.clickhouse.static_lists import StoredStaticLists
from segops_membership.adapters.log.ingest_watermark import LogIngestWatermark
from segops_membership.adapters.log.unstored_events import LogUnstoredEvents
from segops_membership.adapters.postgres.profile_numbers import PostgresProfileNumberSequence
from segops_membership.adapters.postgres.segment_definitions import PostgresSegmentDefinitions
from segops_membership.adapters.postgres.tenant_leases import PostgresTenantLeases
from segops_membership.service.analysis.admission import Admission
from segops_membership.service.analysis.explain import Explain
from segops_membership.service.analysis.previews import Previews
from segops_membership.service.analysis.snapshot_cache import SnapshotCache
from segops_membership.service.analysis.snapshots import Snapshots
from segops_membership.service.identity.persons import Persons
from segops_membership.service.profile_loader import ProfileLoader
from segops_membership.service.profile_numbering import ProfileNumbering
from segops_membership.service.static_lists import StaticListVersions
from segops_membership.service.tenant_lease import LeaseHolder


async def previews_on(clickhouse: ClickHouse, engine: AsyncEngine) -> Previews:
    """Return the use case with an empty cache and an empty event log."""
    clock = SystemClock()
    log = MemoryEventLog(clock=clock)
    await log.ensure_topics([EVENTS])
    lists = StaticListVersions(lists=StoredStaticLists(clickhouse=clickhouse, engine=engine), clock=clock)
    leases = LeaseHolder(
        leases=PostgresTenantLeases(engine=engine), holder="bench", ttl=timedelta(seconds=30), clock=clock
    )
    profiles = ClickHouseProfiles(clickhouse=clickhouse)
    numbering = ProfileNumbering(
        leases=leases,
        sequence=PostgresProfileNumberSequence(engine=engine),
        profiles=profiles,
        faults=NO_FAULTS,
    )
    snapshots = Snapshots(
        cache=SnapshotCache(clock=clock),
        watermark=LogIngestWatermark(log=log, clock=clock),
        lists=lists,
        numbering=numbering,
        evaluation=ClickHouseEvaluation(clickhouse=clickhouse),
        clock=clock,
    )
    return Previews(
        definitions=PostgresSegmentDefinitions(engine=engine),
        lists=lists,
        snapshots=snapshots,
        profiles=profiles,
        admission=Admission(),
    )


async def explain_on(clickhouse: ClickHouse, engine: AsyncEngine) -> Explain:
    """Return the use case that explains memberships, with an empty event log."""
    clock = SystemClock()
    log = MemoryEventLog(clock=clock)
    await log.ensure_topics([EVENTS, EVENT_IMPORTS])
    loader = ProfileLoader(
        stored=ClickHouseProfileEvents(clickhouse=clickhouse),
        unstored=LogUnstoredEvents(log=log),
        lists=StoredStaticLists(clickhouse=clickhouse, engine=engine),
        persons=Persons(reader=ClickHouseJoinReader(clickhouse=clickhouse)),
    )
    return Explain(definitions=PostgresSegmentDefinitions(engine=engine), profiles=loader, clock=clock)
