"""A run of several segments fails for those that cannot be computed; the others are published."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from segops_common.contracts.jobs import FailedResult, JobSegment, StaticMembersChanged, SucceededResult
from tests.corpus.builders import NOW_MS, count, event, group, job, new_tenant
from tests.integration.membership.harness import MembershipHarness, opened

VIEWS = 400_000
"""Of one user: what is kept of their values cannot be parted by users."""
MEMORY_BYTES = 12 * 1024**2
LOGGED_IN = group(count("login"))
VIEWED = group(count("view", value=2))
MANY_VALUES = group(
    {
        "type": "event_aggregate",
        "event_type": "view",
        "function": "distinct",
        "property": "page",
        "operator": "gte",
        "value": 3,
    }
)
NOWHERE = group({"type": "segment", "segment_id": 99})
LOGINS, VIEWERS, READERS, LOST = 10, 20, 30, 40


def failures(result: SucceededResult | FailedResult) -> dict[int, str]:
    return {item.segment_id: item.problem.type.rsplit("/", 1)[1] for item in result.failures}


@pytest.fixture
async def narrow(clickhouse_url: str, postgres_url: str, redis_url: str) -> AsyncIterator[MembershipHarness]:
    """A worker whose statements may hold little."""
    async with opened(
        clickhouse_url=clickhouse_url, postgres_url=postgres_url, redis_url=redis_url, memory_bytes=MEMORY_BYTES
    ) as harness:
        yield harness


@pytest.fixture
async def tenant(harness: MembershipHarness) -> AsyncIterator[int]:
    """One who viewed very many pages, and one who logged in and viewed three."""
    tenant = new_tenant()
    few = [event("few", "view", page=page) for page in ("a", "b", "c")]
    await harness.insert(tenant, [event("few"), *few])
    columns = "tenant_id, kind, event_type, user_id, message_id, timestamp, received_at, payload"
    await harness.clickhouse.command(
        f"INSERT INTO events ({columns}) SELECT {{t:UInt64}}, 'track', 'view', 'many', toString(number),"
        " fromUnixTimestamp64Milli({at:Int64}), fromUnixTimestamp64Milli({at:Int64}),"
        " concat('{\"page\":\"', toString(number), '\"}') FROM numbers({views:UInt64})",
        {"t": tenant, "at": NOW_MS - 1000, "views": VIEWS},
    )
    yield tenant
    for shard in harness.clickhouse.shards:
        for table in ("events", "profile_seen", "profiles"):
            await shard.command(f"DELETE FROM {table} WHERE tenant_id = {{t:UInt64}}", {"t": tenant})


@pytest.mark.one_server  # how much fits into so little depends on how an insert lies on disk
async def test_what_takes_too_much_memory_leaves_the_others_to_be_published(
    harness: MembershipHarness, narrow: MembershipHarness, tenant: int
) -> None:
    await harness.compute.run(job(tenant, 1, {READERS: MANY_VALUES}))
    assert await harness.segments_of(tenant, "many") == (READERS,)
    await harness.insert(tenant, [event("new", "view", page=page) for page in ("a", "b", "c")])

    await narrow.compute.run(job(tenant, 2, {LOGINS: LOGGED_IN, VIEWERS: VIEWED, READERS: MANY_VALUES}))

    result = await narrow.succeeded(tenant)
    assert {segment.segment_id: segment.size for segment in result.segments} == {LOGINS: 1, VIEWERS: 3}
    assert failures(result) == {READERS: "evaluation-refused"}
    segments = [await narrow.segments_of(tenant, user) for user in ("few", "many", "new")]
    assert segments == [(LOGINS, VIEWERS, READERS), (VIEWERS, READERS), (VIEWERS,)]


async def test_who_refers_to_what_is_refused_fails_with_it(
    harness: MembershipHarness, narrow: MembershipHarness, tenant: int
) -> None:
    refers = {"type": "segment", "segment_id": READERS, "negate": True}
    segments = {LOGINS: LOGGED_IN, VIEWERS: group(count("view"), refers)}

    await narrow.compute.run(job(tenant, 1, segments, references={READERS: MANY_VALUES}))

    result = await narrow.succeeded(tenant)
    assert ([segment.segment_id for segment in result.segments], failures(result)) == (
        [LOGINS],
        {VIEWERS: "evaluation-refused"},
    )


async def test_a_run_that_fails_for_all_has_failed(narrow: MembershipHarness, tenant: int) -> None:
    await narrow.compute.run(job(tenant, 1, {READERS: MANY_VALUES, VIEWERS: NOWHERE}))

    result = await narrow.failed(tenant)
    assert failures(result) == {READERS: "evaluation-refused", VIEWERS: "reference-broken"}
    assert (await narrow.publications.head(tenant)).number == 0


async def test_a_lost_list_and_a_broken_reference_leave_the_others_to_be_published(harness: MembershipHarness) -> None:
    tenant = new_tenant()
    await harness.insert(tenant, [event("a")])
    await harness.lists.store(
        [
            StaticMembersChanged(tenant_id=tenant, segment_id=LOST, list_version=1, base_version=0, part=1, parts=1),
            StaticMembersChanged(tenant_id=tenant, segment_id=LOST, list_version=2, base_version=1, part=2, parts=2),
        ]
    )
    refers = group({"type": "segment", "segment_id": LOST})
    compute_job = job(tenant, 1, {LOGINS: LOGGED_IN, VIEWERS: NOWHERE, READERS: refers})
    lost = JobSegment(id=LOST, version=2, definition=group(), list_version=2)

    await harness.compute.run(compute_job.model_copy(update={"segments": (lost, *compute_job.segments)}))

    result = await harness.succeeded(tenant)
    assert [(segment.segment_id, segment.size) for segment in result.segments] == [(LOGINS, 1)]
    assert failures(result) == {
        LOST: "static-list-incomplete",
        READERS: "static-list-incomplete",
        VIEWERS: "reference-broken",
    }
    assert await harness.segments_of(tenant, "a") == (LOGINS,)
