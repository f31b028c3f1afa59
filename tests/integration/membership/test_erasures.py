"""Erasures on real engines: each step may be the last of a worker, and the next one goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from segops_common.contracts.person_hash import PersonHash
from segops_common.core.clock import SystemClock
from segops_common.security.permissions import Role
from segops_common.security.principal import UserPrincipal
from segops_common.telemetry.metrics import Metrics
from segops_membership.adapters.clickhouse.explorer.users import ClickHouseUserDirectory
from segops_membership.adapters.clickhouse.members.sets import ClickHouseMemberSets
from segops_membership.adapters.clickhouse.privacy.stores import ClickHousePersonStores
from segops_membership.adapters.clickhouse.privacy.suppressions import suppressions_on
from segops_membership.adapters.files.export_folder import ExportFolder
from segops_membership.adapters.log.ingest_watermark import LogIngestWatermark
from segops_membership.adapters.log.reporter import LogReporter
from segops_membership.adapters.memory.membership import MemoryMembershipCache
from segops_membership.adapters.postgres.exports import PostgresExports
from segops_membership.adapters.postgres.identity_merges import PostgresMergeStore
from segops_membership.adapters.postgres.privacy.erasures import PostgresErasures
from segops_membership.adapters.postgres.privacy.exits import PostgresErasedExits
from segops_membership.adapters.postgres.privacy.responses import PostgresKeptResponses
from segops_membership.adapters.postgres.segment_definitions import PostgresSegmentDefinitions
from segops_membership.adapters.privacy import all_ids_on
from segops_membership.domain.identity.merges import Resolution
from segops_membership.domain.members.exports import ExportStatus
from segops_membership.domain.members.sets import MemberFormat
from segops_membership.domain.privacy.erasure import ErasureStatus
from segops_membership.service.exports.run_exports import RunExports
from segops_membership.service.privacy.run_erasures import ErasureStores, RunErasures
from tests.corpus.builders import NOW, NOW_MS, count, event, group, job, new_tenant
from tests.integration.membership.analysis import PERSON_KEY, use_cases_of
from tests.integration.membership.explorer_api import named_segment
from tests.integration.membership.harness import MembershipHarness, event_row, insert_rows
from tests.integration.membership.joined import store_merges
from tests.unit.membership.harness import Crash, CrashPoints

BUYERS = group(count("buy"))
EVENTS = [event(user_id, "buy", at=NOW_MS - 1000, id=user_id) for user_id in ("ada", "bob", "eve")]
POINTS = (
    "after_suppression",
    "after_erased_table",
    "after_erased_exits",
    "after_erased_bitmaps",
    "before_receipt",
)


@pytest.fixture(autouse=True)
async def _nobody_is_suppressed_after(harness: MembershipHarness) -> AsyncIterator[None]:
    """Sinks of other tests, which share the database and have another key, store nothing while somebody is."""
    yield
    for shard in harness.clickhouse.shards:
        await shard.command("TRUNCATE TABLE suppressions")


def runner(harness: MembershipHarness, faults: CrashPoints, folder: Path) -> RunErasures:
    clock, engine = SystemClock(), harness.engine
    return RunErasures(
        erasures=PostgresErasures(engine=engine, key=PERSON_KEY),
        stores=ErasureStores(
            suppressions=suppressions_on(harness.clickhouse, PERSON_KEY),
            merges=PostgresMergeStore(engine=engine),
            people=ClickHousePersonStores(clickhouse=harness.clickhouse, faults=faults),
            directory=ClickHouseUserDirectory(clickhouse=harness.clickhouse),
            publications=harness.publications,
            reporter=LogReporter(log=harness.log, metrics=Metrics()),
            exits=PostgresErasedExits(engine=engine, key=PERSON_KEY),
            responses=PostgresKeptResponses(engine=engine),
            exports=PostgresExports(engine=engine),
            files=ExportFolder(folder=folder, sets=ClickHouseMemberSets(clickhouse=harness.clickhouse)),
            cache=MemoryMembershipCache(clock=clock),
        ),
        all_ids=all_ids_on(harness.clickhouse, engine),
        person_hash=PersonHash(key=PERSON_KEY),
        leases=harness.lease_holder,
        watermark=LogIngestWatermark(log=harness.log, clock=clock),
        clock=clock,
        faults=faults,
        known_within_s=0,
        lease=timedelta(0),
    )


@pytest.mark.parametrize("point", [None, *POINTS])
async def test_a_later_run_is_as_if_the_person_had_never_been(
    harness: MembershipHarness, point: str | None, tmp_path: Path
) -> None:
    tenant, other = new_tenant(), new_tenant()
    await harness.insert(tenant, EVENTS)
    await harness.insert(other, EVENTS[1:])
    await harness.compute.run(job(tenant, 1, {42: BUYERS}))
    await harness.compute.run(job(other, 1, {42: BUYERS}))
    expected = (await harness.succeeded(other)).segments[0].digest
    owner = UserPrincipal(user_id=7, roles={tenant: Role.OWNER})
    erase = use_cases_of(harness).erase_people
    erasure = await erase.request(tenant, owner, ["ada"])
    faults = CrashPoints()
    worker = runner(harness, faults, tmp_path)
    if point is not None:
        faults.armed = point
        with pytest.raises(Crash):
            await worker.run_next()
    assert await worker.run_next()
    erasure = await erase.find(tenant, erasure.id)
    assert (erasure.status, erasure.attempts) == (ErasureStatus.COMPLETE, 1 if point is None else 2)
    assert erasure.receipt is not None
    assert (erasure.receipt.before["events"], erasure.receipt.before["segment_runs"]) == (1, 1)
    assert set(erasure.receipt.after.values()) == {0}
    assert await harness.segments_of(tenant, "ada") == ()
    await harness.compute.run(job(tenant, 2, {42: BUYERS}))
    (segment,) = (await harness.succeeded(tenant)).segments
    assert (segment.size, segment.entered, segment.exited, segment.digest) == (2, 0, 0, expected)
    exits = [change for change in await harness.changes(tenant) if change.change == "exited"]
    assert {(change.user_id, change.reason) for change in exits} == {("ada", "erasure")}


async def test_joined_ids_and_merged_users_are_erased_along(harness: MembershipHarness, tmp_path: Path) -> None:
    tenant = new_tenant()
    claim = event("ada", "login", at=NOW_MS - 500, id="claim")
    rows = [event_row(tenant, event("visitor", "buy", at=NOW_MS - 1000, id="v"), 1, user_id="", anonymous_id="visitor")]
    await insert_rows(harness.clickhouse, [*rows, event_row(tenant, claim, 2, anonymous_id="visitor", joins=True)])
    await harness.insert(tenant, EVENTS[1:])
    await store_merges(harness.clickhouse, [(tenant, Resolution(1, NOW, "old", "ada"))])
    await harness.compute.run(job(tenant, 1, {42: BUYERS}))
    owner = UserPrincipal(user_id=7, roles={tenant: Role.OWNER})
    erase = use_cases_of(harness).erase_people
    erasure = await erase.request(tenant, owner, ["visitor"])
    assert set(erasure.user_ids) == {"ada", "old", "visitor"}
    assert await runner(harness, CrashPoints(), tmp_path).run_next()
    erasure = await erase.find(tenant, erasure.id)
    assert erasure.receipt is not None
    tables = ("events", "identity_claims", "identity_claims_by_user", "identity_merges", "segment_runs")
    assert all(erasure.receipt.before[table] for table in tables), erasure.receipt.before
    assert set(erasure.receipt.after.values()) == {0}
    for user_id in ("ada", "old", "visitor"):
        assert await harness.segments_of(tenant, user_id) == ()
    await harness.compute.run(job(tenant, 2, {42: BUYERS}))
    assert (await harness.succeeded(tenant)).segments[0].size == 2


async def test_files_with_the_person_are_removed(harness: MembershipHarness, tmp_path: Path) -> None:
    tenant = new_tenant()
    await harness.insert(tenant, EVENTS)
    views = group(count("view"))
    await harness.insert(tenant, [event("bob", "view", at=NOW_MS - 1000, id="v")])
    await harness.compute.run(job(tenant, 1, {42: BUYERS, 43: views}))
    sets = ClickHouseMemberSets(clickhouse=harness.clickhouse)
    files = ExportFolder(folder=tmp_path, sets=sets)
    exports = PostgresExports(engine=harness.engine)
    clock = SystemClock()
    writer = RunExports(exports=exports, sets=sets, files=files, clock=clock, faults=CrashPoints())
    cases = use_cases_of(harness, files=files)
    await PostgresSegmentDefinitions(engine=harness.engine).apply(
        [named_segment(tenant, 42, BUYERS, "a"), named_segment(tenant, 43, views, "b")]
    )
    requested = [await cases.exports.request([tenant], segment, MemberFormat.CSV) for segment in (42, 43)]
    while await writer.run_next():
        pass
    assert len(_names(tmp_path)) == 2
    owner = UserPrincipal(user_id=7, roles={tenant: Role.OWNER})
    await cases.erase_people.request(tenant, owner, ["ada"])
    assert await runner(harness, CrashPoints(), tmp_path).run_next()
    assert _names(tmp_path) == [f"{requested[1].id}.csv"]
    export = await exports.find([tenant], requested[0].id)
    assert export is not None
    assert export.status is ExportStatus.COMPLETE
    assert export.expires_at is not None
    assert export.expires_at <= clock.now()


def _names(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]
