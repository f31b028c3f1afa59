"""The use cases of exports and erasures of people, on ClickHouse, PostgreSQL, Redis and the event log."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.audit.trail import AuditTrail
from segops_common.contracts.person_hash import PersonHash
from segops_common.core.clock import Clock
from segops_common.core.faults import NO_FAULTS, FaultPoints
from segops_common.core.ids import SystemIds
from segops_common.stores.clickhouse import ClickHouse
from segops_common.streams.log import EventLog
from segops_membership.adapters.clickhouse.explorer.events import ClickHouseStoredEvents
from segops_membership.adapters.clickhouse.explorer.users import ClickHouseUserDirectory
from segops_membership.adapters.clickhouse.identity.join_reader import ClickHouseJoinReader
from segops_membership.adapters.clickhouse.privacy.records import ClickHousePersonRecords
from segops_membership.adapters.clickhouse.privacy.stores import ClickHousePersonStores
from segops_membership.adapters.clickhouse.privacy.suppressions import person_hash_of, suppressions_on
from segops_membership.adapters.keeping import remove_expired_on
from segops_membership.adapters.log.ingest_watermark import LogIngestWatermark
from segops_membership.adapters.merging import projected_merges_on
from segops_membership.adapters.postgres.exports import PostgresExports
from segops_membership.adapters.postgres.identity_merges import PostgresMergeStore
from segops_membership.adapters.postgres.privacy.erasures import PostgresErasures
from segops_membership.adapters.postgres.privacy.exits import PostgresErasedExits
from segops_membership.adapters.postgres.privacy.responses import PostgresKeptResponses
from segops_membership.adapters.postgres.publication_log import PostgresPublicationLog
from segops_membership.ports.members.export_files import ExportFiles
from segops_membership.ports.membership import MembershipCache
from segops_membership.ports.reporter import Reporter
from segops_membership.service.privacy.erasures import ErasePeople
from segops_membership.service.privacy.people import AllIds, ErasedPeople
from segops_membership.service.privacy.person_export import ExportPeople
from segops_membership.service.privacy.repeat_erasures import RepeatErasures
from segops_membership.service.privacy.retention import RemoveExpired
from segops_membership.service.privacy.run_erasures import ErasureStores, RunErasures
from segops_membership.service.tenant_lease import LeaseHolder


def all_ids_on(clickhouse: ClickHouse, engine: AsyncEngine) -> AllIds:
    """Return what finds every id of people. `clickhouse` may write merges."""
    return AllIds(reader=ClickHouseJoinReader(clickhouse=clickhouse), merges=projected_merges_on(engine, clickhouse))


def erase_people_on(
    clickhouse: ClickHouse, engine: AsyncEngine, audit: AuditTrail, key: str, clock: Clock
) -> ErasePeople:
    """Return the use cases of requests. `clickhouse` may write suppressions."""
    return ErasePeople(
        erasures=PostgresErasures(engine=engine, key=key),
        suppressions=suppressions_on(clickhouse, key),
        audit=audit,
        person_hash=person_hash_of(key),
        all_ids=all_ids_on(clickhouse, engine),
        clock=clock,
        ids=SystemIds(clock),
    )


def export_people_on(clickhouse: ClickHouse, erase: ErasePeople, clock: Clock) -> ExportPeople:
    """Return the use case of exports."""
    return ExportPeople(
        users=ClickHouseUserDirectory(clickhouse=clickhouse),
        events=ClickHouseStoredEvents(clickhouse=clickhouse),
        records=ClickHousePersonRecords(clickhouse=clickhouse),
        erase=erase,
        clock=clock,
    )


def erased_people_on(clickhouse: ClickHouse, key: str) -> ErasedPeople | None:
    """Return who keeps erased people out of static lists; None without a key."""
    person_hash = person_hash_of(key)
    if person_hash is None:
        return None
    return ErasedPeople(suppressions=suppressions_on(clickhouse, key), person_hash=person_hash)


def repeat_erasures_on(clickhouse: ClickHouse, engine: AsyncEngine, key: str, clock: Clock) -> RepeatErasures:
    """Return what erases people again whom a restored backup has brought back."""
    return RepeatErasures(
        erasures=PostgresErasures(engine=engine, key=key),
        suppressions=suppressions_on(clickhouse, key),
        people=ClickHousePersonStores(clickhouse=clickhouse, faults=NO_FAULTS),
        person_hash=PersonHash(key=key),
        clock=clock,
        ids=SystemIds(clock),
    )


def privacy_jobs_on(
    clickhouse: ClickHouse,
    engine: AsyncEngine,
    log: EventLog,
    reporter: Reporter,
    files: ExportFiles | None,
    cache: MembershipCache,
    leases: LeaseHolder,
    key: str,
    clock: Clock,
    faults: FaultPoints,
) -> tuple[RunErasures, RepeatErasures, RemoveExpired]:
    """Return what the timers of a worker need."""
    erasures = run_erasures_on(clickhouse, engine, log, reporter, files, cache, leases, key, clock, faults)
    return erasures, repeat_erasures_on(clickhouse, engine, key, clock), remove_expired_on(clickhouse, engine, clock)


def run_erasures_on(
    clickhouse: ClickHouse,
    engine: AsyncEngine,
    log: EventLog,
    reporter: Reporter,
    files: ExportFiles | None,
    cache: MembershipCache,
    leases: LeaseHolder,
    key: str,
    clock: Clock,
    faults: FaultPoints,
) -> RunErasures:
    """Return what carries erasures out."""
    stores = ErasureStores(
        suppressions=suppressions_on(clickhouse, key),
        merges=PostgresMergeStore(engine=engine),
        people=ClickHousePersonStores(clickhouse=clickhouse, faults=faults),
        directory=ClickHouseUserDirectory(clickhouse=clickhouse),
        publications=PostgresPublicationLog(engine=engine),
        reporter=reporter,
        exits=PostgresErasedExits(engine=engine, key=key),
        responses=PostgresKeptResponses(engine=engine),
        exports=PostgresExports(engine=engine),
        files=files,
        cache=cache,
    )
    return RunErasures(
        erasures=PostgresErasures(engine=engine, key=key),
        stores=stores,
        all_ids=all_ids_on(clickhouse, engine),
        person_hash=PersonHash(key=key),
        leases=leases,
        watermark=LogIngestWatermark(log=log, clock=clock),
        clock=clock,
        faults=faults,
    )
