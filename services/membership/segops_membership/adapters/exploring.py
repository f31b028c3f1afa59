"""The use cases of the explorer, analytics, changes and the status on ClickHouse, PostgreSQL and the event log."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.core.clock import Clock
from segops_common.stores.clickhouse import ClickHouse
from segops_common.streams.log import EventLog
from segops_membership.adapters.clickhouse.explorer.activity import StoredTenantActivity
from segops_membership.adapters.clickhouse.explorer.analytics import ClickHouseAnalytics
from segops_membership.adapters.clickhouse.explorer.events import ClickHouseStoredEvents
from segops_membership.adapters.clickhouse.explorer.segments import ClickHouseSegmentSizes
from segops_membership.adapters.clickhouse.explorer.users import ClickHouseUserDirectory
from segops_membership.adapters.clickhouse.identity.join_reader import ClickHouseJoinReader
from segops_membership.adapters.clickhouse.members.changes import ClickHouseChangeHistory
from segops_membership.adapters.clickhouse.run_results import ClickHouseRunResults
from segops_membership.adapters.log.ingest_progress import LogIngestProgress
from segops_membership.adapters.postgres.privacy.exits import PostgresErasedExits
from segops_membership.adapters.postgres.publication_log import PostgresPublicationLog
from segops_membership.adapters.postgres.segment_definitions import PostgresSegmentDefinitions
from segops_membership.ports.explorer.status import RunCounter, ServiceHealth
from segops_membership.ports.segment_definitions import SegmentDefinitions
from segops_membership.service.analysis.explain import Explain
from segops_membership.service.analytics.analytics import Analytics
from segops_membership.service.explorer.events import ExploreEvents
from segops_membership.service.explorer.explorer import Explorer
from segops_membership.service.explorer.live_events import LiveEvents
from segops_membership.service.explorer.users import ExploreUsers
from segops_membership.service.identity.persons import Persons
from segops_membership.service.members.changes import MemberChanges, ReadChanges
from segops_membership.service.status.status import ReadStatus


@dataclass(frozen=True, slots=True)
class StatusOfServices:
    """What other processes say about themselves."""

    health: ServiceHealth
    runs: RunCounter


def explorer_on(clickhouse: ClickHouse, engine: AsyncEngine, log: EventLog, explain: Explain, clock: Clock) -> Explorer:
    """Return the use cases of the explorer."""
    persons = Persons(reader=ClickHouseJoinReader(clickhouse=clickhouse))
    return Explorer(
        users=ExploreUsers(
            users=ClickHouseUserDirectory(clickhouse=clickhouse),
            definitions=PostgresSegmentDefinitions(engine=engine),
            publications=PostgresPublicationLog(engine=engine),
            sizes=ClickHouseSegmentSizes(clickhouse=clickhouse),
            explain=explain,
            persons=persons,
            clock=clock,
        ),
        events=ExploreEvents(events=ClickHouseStoredEvents(clickhouse=clickhouse), persons=persons, clock=clock),
        live=LiveEvents(log=log, clock=clock),
    )


def analytics_on(clickhouse: ClickHouse, engine: AsyncEngine, clock: Clock) -> Analytics:
    """Return the use cases of analytics."""
    return Analytics(
        reader=ClickHouseAnalytics(clickhouse=clickhouse),
        sizes=ClickHouseSegmentSizes(clickhouse=clickhouse),
        results=ClickHouseRunResults(clickhouse=clickhouse),
        definitions=PostgresSegmentDefinitions(engine=engine),
        publications=PostgresPublicationLog(engine=engine),
        clock=clock,
    )


def changes_on(
    clickhouse: ClickHouse, engine: AsyncEngine, definitions: SegmentDefinitions, key: str, clock: Clock
) -> MemberChanges:
    """Return the use case of changes of members. `key` is the one of suppressions."""
    return MemberChanges(
        definitions=definitions,
        changes=read_changes_on(clickhouse, engine, key),
        clock=clock,
    )


def read_changes_on(clickhouse: ClickHouse, engine: AsyncEngine, key: str) -> ReadChanges:
    """Return what reads changes of members."""
    return ReadChanges(
        publications=PostgresPublicationLog(engine=engine),
        history=ClickHouseChangeHistory(clickhouse=clickhouse),
        exits=PostgresErasedExits(engine=engine, key=key),
    )


def status_on(
    clickhouse: ClickHouse, engine: AsyncEngine, log: EventLog, services: StatusOfServices, clock: Clock
) -> ReadStatus:
    """Return the use case of the status."""
    return ReadStatus(
        health=services.health,
        runs=services.runs,
        progress=LogIngestProgress(log=log, clock=clock),
        activity=StoredTenantActivity(clickhouse=clickhouse, engine=engine),
        clock=clock,
    )
