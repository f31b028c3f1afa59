"""Previews, plans and overlaps on the engines of a harness."""

from __future__ import annotations

from datetime import timedelta

from segops_common.audit.memory import MemoryAuditTrail
from segops_common.contracts.jobs import SegmentChanged
from segops_common.core.clock import SystemClock
from segops_common.core.faults import NO_FAULTS
from segops_common.core.ids import SystemIds
from segops_language import Group
from segops_membership.adapters.activating import ActivationAccess, activations_on
from segops_membership.adapters.clickhouse.evaluation import ClickHouseEvaluation
from segops_membership.adapters.clickhouse.members.sets import ClickHouseMemberSets
from segops_membership.adapters.clickhouse.observed_events import ClickHouseObservedEvents
from segops_membership.adapters.clickhouse.profile_events import ClickHouseProfileEvents
from segops_membership.adapters.clickhouse.profiles import ClickHouseProfiles
from segops_membership.adapters.clickhouse.static_lists import StoredStaticLists
from segops_membership.adapters.exploring import StatusOfServices, analytics_on, changes_on, explorer_on, status_on
from segops_membership.adapters.keeping import keep_events_on
from segops_membership.adapters.log.ingest_watermark import LogIngestWatermark
from segops_membership.adapters.memory.explorer.status import MemoryRunCounter, MemoryServiceHealth
from segops_membership.adapters.merging import merges_on, person_ids_on
from segops_membership.adapters.postgres.exports import PostgresExports
from segops_membership.adapters.postgres.segment_definitions import PostgresSegmentDefinitions
from segops_membership.adapters.privacy import erase_people_on, export_people_on
from segops_membership.ports.members.export_files import ExportFiles
from segops_membership.service.analysis.admission import Admission
from segops_membership.service.analysis.overlaps import Overlaps
from segops_membership.service.analysis.previews import Previews
from segops_membership.service.analysis.snapshot_cache import SnapshotCache
from segops_membership.service.analysis.snapshots import Snapshots
from segops_membership.service.analysis.value_checks import ValueChecks
from segops_membership.service.exports.exports import SegmentExports
from segops_membership.service.members.member_lists import MemberLists
from segops_membership.service.members.segment_history import SegmentHistory
from segops_membership.service.profile_numbering import ProfileNumbering
from segops_membership.service.static_lists import StaticListVersions
from segops_membership.service.tenant_lease import LeaseHolder
from segops_membership.service.use_cases import UseCases
from tests.integration.membership.harness import MembershipHarness, explain_on, now_on

SERVICE_TOKEN = "service"
PERSON_KEY = "the-key-of-suppressions-in-tests-0123456789"


def use_cases_of(
    harness: MembershipHarness,
    *,
    admission: Admission | None = None,
    timeout_s: float = 60,
    files: ExportFiles | None = None,
) -> UseCases:
    """Return the use cases of a new API process, whose cache is empty."""
    clock = SystemClock()
    definitions = PostgresSegmentDefinitions(engine=harness.engine)
    profiles = ClickHouseProfiles(clickhouse=harness.clickhouse)
    lists = StaticListVersions(
        lists=StoredStaticLists(clickhouse=harness.clickhouse, engine=harness.engine), clock=clock, wait_s=0.5
    )
    gate = admission or Admission()
    leases = LeaseHolder(leases=harness.leases, holder="api", ttl=timedelta(seconds=10), clock=clock)
    snapshots = Snapshots(
        cache=SnapshotCache(clock=clock),
        watermark=LogIngestWatermark(log=harness.log, clock=clock),
        lists=lists,
        numbering=ProfileNumbering(leases=leases, sequence=harness.sequence, profiles=profiles, faults=NO_FAULTS),
        evaluation=ClickHouseEvaluation(clickhouse=harness.clickhouse, timeout_s=timeout_s),
        clock=clock,
    )
    sets = ClickHouseMemberSets(clickhouse=harness.clickhouse)
    observed = ClickHouseObservedEvents(clickhouse=harness.clickhouse)
    erase = erase_people_on(harness.clickhouse, harness.engine, MemoryAuditTrail(), PERSON_KEY, clock)
    return UseCases(
        erase_people=erase,
        export_people=export_people_on(harness.clickhouse, erase, clock),
        retention=keep_events_on(harness.engine, erase, clock),
        explain=explain_on(harness),
        lookup=harness.lookup,
        members=MemberLists(definitions=definitions, sets=sets, admission=Admission(work="downloads")),
        changes=(changes := changes_on(harness.clickhouse, harness.engine, definitions, PERSON_KEY, clock)),
        activations=activations_on(
            harness.engine,
            harness.clickhouse,
            ActivationAccess("k" * 32, person_key=PERSON_KEY),
            definitions,
            changes,
            clock,
        ),
        exports=SegmentExports(
            definitions=definitions,
            sets=sets,
            exports=PostgresExports(engine=harness.engine),
            files=files,
            clock=clock,
            ids=SystemIds(clock),
        ),
        history=SegmentHistory(definitions=definitions, sets=sets, clock=clock),
        now=now_on(harness),
        previews=Previews(definitions=definitions, lists=lists, snapshots=snapshots, profiles=profiles, admission=gate),
        overlaps=Overlaps(
            definitions=definitions, publications=harness.publications, results=harness.run_results, admission=gate
        ),
        observed=observed,
        profile_events=ClickHouseProfileEvents(clickhouse=harness.clickhouse),
        value_checks=ValueChecks(observed=observed, clock=SystemClock()),
        explorer=explorer_on(harness.clickhouse, harness.engine, harness.log, explain_on(harness), clock),
        analytics=analytics_on(harness.clickhouse, harness.engine, clock),
        status=status_on(
            harness.clickhouse,
            harness.engine,
            harness.log,
            StatusOfServices(MemoryServiceHealth({"auth.api": "ready"}), MemoryRunCounter()),
            clock,
        ),
        merges=merges_on(harness.engine, harness.clickhouse, harness.clickhouse, MemoryAuditTrail(), "", clock),
        person_ids=person_ids_on(harness.engine, harness.clickhouse, clock),
        service_tokens=(SERVICE_TOKEN,),
    )


async def define(harness: MembershipHarness, tenant: int, segments: dict[int, Group], *, version: int = 1) -> None:
    """Make these the current definitions."""
    changes = [
        SegmentChanged(
            tenant_id=tenant, segment_id=id, version=version, definition=definition, refresh="manual", deleted=False
        )
        for id, definition in segments.items()
    ]
    await PostgresSegmentDefinitions(engine=harness.engine).apply(changes)
