"""A run's digest: what anybody can recompute from the user ids, whatever way the members came together."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from random import Random

import sqlalchemy as sa
import xxhash
from pyroaring import BitMap

from segops_common.stores.postgres import write_session
from segops_language import Group
from segops_language.events import Event
from segops_membership.adapters.clickhouse.run_results import ClickHouseRunResults
from segops_membership.domain.publication import SegmentOutcome
from tests.corpus.builders import NOW, NOW_MS, count, event, group, job, new_tenant
from tests.integration.membership.harness import MembershipHarness

LOGGED_IN, BUYERS, NOBODY = group(count()), group(count("purchase")), group(logic="OR")
SEGMENTS = {1: LOGGED_IN, 2: BUYERS, 3: group(count("purchase"), negate=True)}
USERS = [f"user-{i}" for i in range(60)] + ["ünï", "日本語", "a b", "'", "x" * 200]


def recomputed(users: Iterable[str]) -> str:
    """The formula of the documentation."""
    ids = [user.encode() for user in users]
    first = sum(xxhash.xxh64_intdigest(user_id) for user_id in ids) % 2**64
    second = sum(xxhash.xxh3_64_intdigest(user_id) for user_id in ids) % 2**64
    return f"{first:016x}{second:016x}"


def history() -> list[Event]:
    kinds = ("login", "purchase", "page_viewed")
    return [
        event(user, kinds[i % len(kinds)], at=NOW_MS - 1000 * i, id=f"e{i}", n=i)
        for i, user in enumerate(USERS * 3, start=1)
    ]


async def digests(
    harness: MembershipHarness, tenant: int, run: int, segments: dict[int, Group], *, minutes: int = 0
) -> list[str]:
    await harness.compute.run(job(tenant, run, segments, as_of=NOW + timedelta(minutes=minutes)))
    result = await harness.succeeded(tenant)
    assert result.run_id == run
    return [segment.digest or "" for segment in result.segments]


async def test_a_digest_is_the_same_for_any_order_of_arrival_and_any_numbering(harness: MembershipHarness) -> None:
    result = []
    for seed in range(3):
        random, tenant, events = Random(seed), new_tenant(), history()
        # The numbers of profiles follow the order in which runs find them.
        random.shuffle(events)
        cut = random.randrange(1, len(events))
        await harness.insert(tenant, events[:cut])
        await digests(harness, tenant, 1, {9: group()})
        await harness.insert(tenant, events[cut:] + events[: cut // 2])
        result.append(await digests(harness, tenant, 2, SEGMENTS))

    assert result[0] == result[1] == result[2]
    bought = {item.profile_id for item in history() if item.event_type == "purchase"}
    logged_in = {item.profile_id for item in history() if item.event_type == "login"}
    assert result[0] == [recomputed(logged_in), recomputed(bought), recomputed(set(USERS) - bought)]


async def test_a_digest_is_counted_on_by_who_enters_and_exits(harness: MembershipHarness) -> None:
    tenant, short = new_tenant(), group(count(window={"last": "1m"}))
    await harness.insert(tenant, [event(user) for user in ("stays", "leaves", "one more")])
    first = await digests(harness, tenant, 1, {1: short, 2: LOGGED_IN})
    await harness.insert(tenant, [event(user, at=NOW_MS + 60_000) for user in ("stays", "comes")])

    second = await digests(harness, tenant, 2, {1: short, 2: LOGGED_IN}, minutes=1)
    past = await digests(harness, tenant, 3, {1: short, 2: LOGGED_IN})
    gone = await digests(harness, tenant, 4, {1: NOBODY, 2: LOGGED_IN}, minutes=2)

    everybody = recomputed(("stays", "leaves", "one more", "comes"))
    assert first == [recomputed(("stays", "leaves", "one more"))] * 2
    assert second == [recomputed(("stays", "comes")), everybody]
    assert past == first
    assert gone == ["0" * 32, everybody]


async def test_what_was_published_without_a_digest_is_summed_up_as_a_whole(harness: MembershipHarness) -> None:
    tenant = new_tenant()
    await harness.insert(tenant, [event("a"), event("b")])
    await digests(harness, tenant, 1, {1: LOGGED_IN})
    async with write_session(harness.engine) as session:
        await session.enter_tenants(tenant)
        forget = sa.text("UPDATE membership.segment_heads SET digest = NULL WHERE tenant_id = :tenant")
        await session.execute(forget, {"tenant": tenant})
    await harness.insert(tenant, [event("c")])

    assert await digests(harness, tenant, 2, {1: LOGGED_IN}) == [recomputed("abc")]
    assert await digests(harness, tenant, 3, {1: LOGGED_IN}) == [recomputed("abc")]


async def test_a_large_change_is_summed_up_alike(harness: MembershipHarness) -> None:
    tenant = new_tenant()
    await harness.insert(tenant, [event(user) for user in USERS])
    computed = await digests(harness, tenant, 1, {1: LOGGED_IN, 2: BUYERS})
    heads = (await harness.publications.head(tenant)).segments
    somebody = BitMap([1])
    outcomes = [
        SegmentOutcome(
            segment_id=segment,
            version=1,
            members=somebody,
            base=None,
            entered=somebody,
            exited=BitMap(),
            published=True,
        )
        for segment in (1, 2)
    ]
    for numbers_in_memory in (0, 10):
        runs = ClickHouseRunResults(clickhouse=harness.clickhouse, numbers_in_memory=numbers_in_memory)
        again = await runs.digests(tenant, heads[1].attempt, outcomes)
        assert [str(again[segment]) for segment in (1, 2)] == computed == [recomputed(USERS), recomputed(())]


async def test_one_member_more_is_another_digest(harness: MembershipHarness) -> None:
    tenant = new_tenant()
    await harness.insert(tenant, [event(user) for user in USERS])
    before = await digests(harness, tenant, 1, {1: LOGGED_IN})
    await harness.insert(tenant, [event("")])

    assert await digests(harness, tenant, 2, {1: LOGGED_IN}) == [recomputed([*USERS, ""])] != before
