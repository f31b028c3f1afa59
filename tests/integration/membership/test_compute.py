"""Jobs on real engines: what is published, what is reported, and what is left unchanged."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from segops_common.contracts.jobs import SucceededResult
from segops_common.core.clock import SystemClock
from segops_common.stores.postgres import create_engine
from segops_language.values.instants import to_ms
from segops_membership.adapters.clickhouse.profiles import ClickHouseProfiles
from segops_membership.adapters.postgres.profile_numbers import PostgresProfileNumberSequence
from segops_membership.domain.publication import Attempt, Publication
from segops_membership.ports.tenant_leases import LeaseLost, LeaseTaken
from segops_membership.service.tenant_lease import LeaseHolder
from tests.corpus.builders import NOW, NOW_MS, count, event, group, job, new_tenant
from tests.integration.membership.harness import MembershipHarness, opened

SEGMENT = 42
LOGGED_IN = group(count())
LATER = NOW + timedelta(minutes=5)
EARLIER = NOW - timedelta(days=3)


async def test_a_job_becomes_membership(harness: MembershipHarness) -> None:
    tenant = new_tenant()
    await harness.insert(tenant, [event("user-123"), event("other", "page_viewed")])

    await harness.compute.run(job(tenant, 1, {SEGMENT: LOGGED_IN}))

    first = await harness.lookup.segments_of(tenant, "user-123")
    second = await harness.lookup.segments_of(tenant, "user-123")
    assert (first.segment_ids, first.cached) == ((SEGMENT,), False)
    assert (second.segment_ids, second.cached) == ((SEGMENT,), True)
    assert await harness.segments_of(tenant, "other") == ()
    # A run that takes a while says more than once that it goes on.
    *running, result = await harness.results(tenant)
    assert {item.status for item in running} == {"running"}
    assert isinstance(result, SucceededResult)
    assert [(segment.segment_id, segment.size, segment.entered, segment.exited) for segment in result.segments] == [
        (SEGMENT, 1, 1, 0)
    ]
    assert result.counts.universe == 2
    assert result.counts.rows_read > 0
    changes = await harness.changes(tenant)
    assert [(change.user_id, change.change, change.run_id) for change in changes] == [("user-123", "entered", 1)]


async def test_a_run_is_compared_with_the_one_published_before(harness: MembershipHarness) -> None:
    tenant = new_tenant()
    recent = group(count(window={"last": "1m"}))
    await harness.insert(tenant, [event("stays"), event("leaves")])
    await harness.compute.run(job(tenant, 1, {SEGMENT: recent}))
    await harness.insert(tenant, [event("stays", at=to_ms(LATER)), event("comes", at=to_ms(LATER) - 59_999)])

    await harness.compute.run(job(tenant, 2, {SEGMENT: recent}, as_of=LATER))

    result = await harness.succeeded(tenant)
    assert [(segment.size, segment.entered, segment.exited) for segment in result.segments] == [(2, 1, 1)]
    changes = {(change.user_id, change.change) for change in await harness.changes(tenant) if change.run_id == 2}
    assert changes == {("comes", "entered"), ("leaves", "exited")}
    assert [await harness.segments_of(tenant, user) for user in ("stays", "comes", "leaves")] == [
        (SEGMENT,),
        (SEGMENT,),
        (),
    ]


async def test_a_job_delivered_again_changes_nothing(harness: MembershipHarness) -> None:
    tenant = new_tenant()
    await harness.insert(tenant, [event("u")])
    compute_job = job(tenant, 1, {SEGMENT: LOGGED_IN})
    await harness.compute.run(compute_job)
    reported = await harness.results(tenant), await harness.changes(tenant)
    # What happens between the deliveries is another run's business.
    await harness.insert(tenant, [event("late")])

    await harness.compute.run(compute_job)

    assert (await harness.results(tenant), await harness.changes(tenant)) == reported
    assert (await harness.publications.head(tenant)).number == 1
    assert await harness.segments_of(tenant, "late") == ()


async def test_an_older_run_than_the_published_one_is_superseded(harness: MembershipHarness) -> None:
    tenant = new_tenant()
    await harness.insert(tenant, [event("u")])
    await harness.compute.run(job(tenant, 2, {SEGMENT: LOGGED_IN}))

    await harness.compute.run(job(tenant, 1, {SEGMENT: group(logic="OR")}, as_of=LATER))

    assert (await harness.results(tenant))[-1].status == "superseded"
    assert await harness.segments_of(tenant, "u") == (SEGMENT,)


async def test_an_older_run_still_publishes_the_segments_that_no_later_run_had(harness: MembershipHarness) -> None:
    tenant = new_tenant()
    await harness.insert(tenant, [event("u")])
    await harness.compute.run(job(tenant, 2, {1: LOGGED_IN}))

    await harness.compute.run(job(tenant, 1, {1: group(logic="OR"), 2: LOGGED_IN}))

    result = await harness.succeeded(tenant)
    assert [segment.segment_id for segment in result.segments] == [2]
    assert await harness.segments_of(tenant, "u") == (1, 2)


async def test_a_profile_is_known_from_its_first_event_on_however_late_that_came(harness: MembershipHarness) -> None:
    tenant = new_tenant()
    everyone = group(logic="AND")
    await harness.insert(tenant, [event("u"), event("long known", at=to_ms(EARLIER))])
    await harness.compute.run(job(tenant, 1, {1: everyone}, as_of=EARLIER))
    await harness.insert(tenant, [event("u", at=to_ms(EARLIER) - 1)])

    await harness.compute.run(job(tenant, 2, {1: everyone}, as_of=EARLIER))
    await harness.compute.run(job(tenant, 3, {1: everyone}, as_of=EARLIER - timedelta(milliseconds=1)))

    sizes = [result.segments[0].size for result in await harness.results(tenant) if isinstance(result, SucceededResult)]
    assert sizes == [1, 2, 1]


async def test_a_run_as_of_the_past_is_recorded_and_not_shown(harness: MembershipHarness) -> None:
    tenant = new_tenant()
    await harness.insert(tenant, [event("old", at=to_ms(EARLIER)), event("new")])
    await harness.compute.run(job(tenant, 1, {SEGMENT: LOGGED_IN}))

    await harness.compute.run(job(tenant, 2, {SEGMENT: LOGGED_IN}, as_of=EARLIER))

    result = await harness.succeeded(tenant)
    assert [(segment.size, segment.entered, segment.exited) for segment in result.segments] == [(1, 0, 0)]
    assert await harness.segments_of(tenant, "new") == (SEGMENT,)
    rows = await harness.clickhouse.query(
        "SELECT run_id, published, bitmapCardinality(members) FROM segment_runs FINAL WHERE tenant_id = {t:UInt64} ORDER BY run_id",
        {"t": tenant},
    )
    assert [tuple(row) for row in rows.rows] == [(1, True, 2), (2, False, 1)]


async def test_history_answers_as_of_any_published_instant(harness: MembershipHarness) -> None:
    tenant = new_tenant()
    await harness.insert(tenant, [event("u")])
    await harness.compute.run(job(tenant, 1, {1: LOGGED_IN, 2: group(logic="OR")}))
    await harness.compute.run(job(tenant, 2, {1: group(logic="OR"), 2: LOGGED_IN}, as_of=LATER))

    async def then(as_of_ms: int) -> tuple[int, ...]:
        return (await harness.lookup.segments_as_of(tenant, "u", as_of_ms)).segment_ids

    assert await then(NOW_MS - 1) == ()
    assert await then(NOW_MS) == (1,)
    assert await then(to_ms(LATER) - 1) == (1,)
    assert await then(to_ms(LATER)) == (2,)


async def test_a_job_that_no_version_can_read_is_reported(harness: MembershipHarness) -> None:
    tenant = new_tenant()

    await harness.compute.refuse(tenant, 9)

    assert [(result.run_id, result.status) for result in await harness.results(tenant)] == [(9, "failed")]


async def test_a_tenant_without_events_has_empty_segments(harness: MembershipHarness) -> None:
    tenant = new_tenant()

    await harness.compute.run(job(tenant, 1, {SEGMENT: group()}))

    result = await harness.succeeded(tenant)
    assert [(segment.size, segment.entered) for segment in result.segments] == [(0, 0)]
    assert await harness.segments_of(tenant, "u") == ()


@pytest.mark.parametrize("year", [1, 1800, 2500, 9999])
async def test_instants_that_the_warehouse_cannot_hold(harness: MembershipHarness, year: int) -> None:
    tenant = new_tenant()
    await harness.insert(tenant, [event("u")])
    everyone = group()

    await harness.compute.run(job(tenant, 1, {SEGMENT: everyone}, as_of=NOW.replace(year=year)))

    expected = (SEGMENT,) if year > NOW.year else ()
    assert (await harness.results(tenant))[-1].status == "succeeded"
    assert await harness.segments_of(tenant, "u") == expected


async def test_tenants_with_equal_names_stay_apart(harness: MembershipHarness) -> None:
    ours, theirs = new_tenant(), new_tenant()
    await harness.insert(ours, [event("u")])
    await harness.insert(theirs, [event("u", "other")])

    await harness.compute.run(job(ours, 1, {SEGMENT: LOGGED_IN}))
    await harness.compute.run(job(theirs, 1, {SEGMENT: LOGGED_IN}))

    assert await harness.segments_of(ours, "u") == (SEGMENT,)
    assert await harness.segments_of(theirs, "u") == ()


async def test_what_an_abandoned_attempt_wrote_counts_for_nobody(harness: MembershipHarness) -> None:
    tenant = new_tenant()
    await harness.insert(tenant, [event("u")])
    compute_job = job(tenant, 1, {SEGMENT: LOGGED_IN})
    await harness.compute.run(compute_job)
    # The attempt before the published one let everybody into another segment, and died.
    columns = ("tenant_id", "user_key", "segment_id", "run_id", "fence", "change", "at")
    key = (await harness.clickhouse.query("SELECT xxHash64('u')")).rows[0][0]
    await harness.clickhouse.insert("membership_changes", [(tenant, key, 666, 1, 0, 1, NOW)], columns)

    assert await harness.segments_of(tenant, "u") == (SEGMENT,)


async def test_workers_take_turns_on_a_tenant(
    harness: MembershipHarness, clickhouse_url: str, postgres_url: str, redis_url: str
) -> None:
    tenant = new_tenant()
    users = [f"u{i}" for i in range(50)]
    await harness.insert(tenant, [event(user) for user in users])
    odd, even = {1: LOGGED_IN, 2: group(logic="OR")}, {1: group(logic="OR"), 2: LOGGED_IN}
    jobs = [job(tenant, run, odd if run % 2 else even) for run in range(1, 7)]

    async with opened(clickhouse_url=clickhouse_url, postgres_url=postgres_url, redis_url=redis_url) as other:
        await asyncio.gather(*((harness, other)[run % 2].compute.run(one_job) for run, one_job in enumerate(jobs)))

    published = await harness.clickhouse.query(
        "SELECT run_id, base_run_id, number FROM publications FINAL WHERE tenant_id = {t:UInt64} ORDER BY number",
        {"t": tenant},
    )
    runs = [row[0] for row in published.rows]
    assert runs == sorted(runs)
    assert [row[1] for row in published.rows] == [0, *runs[:-1]]
    last = (1,) if runs[-1] % 2 else (2,)
    assert {await harness.segments_of(tenant, user) for user in users} == {last}


async def test_a_lease_has_one_holder_and_a_rising_fence(harness: MembershipHarness) -> None:
    tenant = new_tenant()
    ttl = timedelta(seconds=30)
    first = await harness.leases.acquire(tenant, "a", ttl)

    with pytest.raises(LeaseTaken):
        await harness.leases.acquire(tenant, "b", ttl)
    await harness.leases.release(tenant, first)
    second = await harness.leases.acquire(tenant, "b", ttl)

    assert second > first
    with pytest.raises(LeaseLost):
        await harness.leases.renew(tenant, first, ttl)


async def test_a_lease_is_renewed_while_it_is_held(harness: MembershipHarness) -> None:
    tenant = new_tenant()
    leases = LeaseHolder(leases=harness.leases, holder="a", ttl=timedelta(seconds=1), clock=SystemClock())

    async with leases.hold(tenant) as lease:
        await asyncio.sleep(1.6)
        lease.check()
        with pytest.raises(LeaseTaken):
            await harness.leases.acquire(tenant, "b", timedelta(seconds=1))


async def test_only_the_lease_holder_moves_the_head(harness: MembershipHarness) -> None:
    tenant = new_tenant()
    await harness.insert(tenant, [event("u")])
    await harness.compute.run(job(tenant, 1, {SEGMENT: LOGGED_IN}))
    result = await harness.succeeded(tenant)
    fence = await harness.leases.acquire(tenant, "a", timedelta(seconds=30))

    def publication(*, fence: int, base: int) -> Publication:
        return Publication(
            tenant_id=tenant, attempt=Attempt(2, fence), base_run_id=base, as_of_ms=NOW_MS, at=NOW, result=result
        )

    with pytest.raises(LeaseLost):
        await harness.publications.append(tenant, publication(fence=fence - 1, base=1))
    with pytest.raises(LeaseLost):
        await harness.publications.append(tenant, publication(fence=fence, base=0))
    assert await harness.publications.find(tenant, 2) is None
    assert (await harness.publications.append(tenant, publication(fence=fence, base=1))).number == 2


async def test_a_second_number_never_wins(harness: MembershipHarness) -> None:
    tenant = new_tenant()
    profiles = ClickHouseProfiles(clickhouse=harness.clickhouse)
    await harness.insert(tenant, [event("u"), event("v")])
    await profiles.assign_numbers(tenant, 100, 2, 6)
    # A worker whose lease ended wakes up and inserts what it had prepared.
    rows = await harness.clickhouse.query(
        "SELECT user_key, user_id, first_seen FROM profiles FINAL WHERE tenant_id = {t:UInt64}", {"t": tenant}
    )
    columns = ("tenant_id", "user_key", "user_id", "first_seen", "n", "fence")
    late = [(tenant, key, name, first_seen, n, 5) for n, (key, name, first_seen) in enumerate(rows.rows)]
    assert len(late) == 2
    await harness.clickhouse.insert("profiles", late, columns)
    for shard in harness.clickhouse.shards:
        await shard.command("OPTIMIZE TABLE profiles FINAL")

    numbers = await harness.clickhouse.query(
        "SELECT n FROM profiles FINAL WHERE tenant_id = {t:UInt64} ORDER BY n", {"t": tenant}
    )
    assert [row[0] for row in numbers.rows] == [100, 101]
    assert await profiles.count_pending(tenant) == 0


async def test_number_ranges_never_overlap(harness: MembershipHarness, postgres_url: str) -> None:
    tenant = new_tenant()
    engine = create_engine(postgres_url)
    sequences = [harness.sequence, PostgresProfileNumberSequence(engine=engine)]

    firsts = await asyncio.gather(*(sequences[i % 2].reserve(tenant, 10) for i in range(20)))

    assert sorted(firsts) == list(range(0, 200, 10))
    await engine.dispose()
