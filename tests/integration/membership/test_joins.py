"""Joined ids are one profile for SQL, the reference, explanations and look-ups."""

from __future__ import annotations

import os
from collections.abc import Callable
from random import Random
from time import perf_counter

import pytest

from segops_common.stores.clickhouse import ClickHouse
from segops_language.values.instants import from_ms
from segops_membership.domain.identity.merges import Resolution
from tests.corpus.builders import NOW, NOW_MS, count, event, group, job, new_tenant
from tests.corpus.joins import Way, joined_world, together
from tests.integration.membership.harness import MembershipHarness, event_row, insert_rows
from tests.integration.membership.joined import JoinedWorlds, StoredWorld, store_merges, store_worlds, wrong_calls

WORLDS = 6
EXAMPLES = int(os.environ.get("EXAMPLES", "20000"))
WORLDS_OF_EXAMPLES = 10
"""A tenth of EXAMPLES: 2,000 worlds."""
WORLDS_TOGETHER = 10
"""In one tenant, where all are evaluated by a definition of each."""
SEGMENT = 42


@pytest.fixture(scope="module")
async def worlds(clickhouse: ClickHouse) -> tuple[JoinedWorlds, list[StoredWorld]]:
    return await store_worlds(clickhouse, [joined_world(seed) for seed in range(WORLDS)])


@pytest.mark.parametrize("seed", range(WORLDS))
async def test_sql_and_look_ups_agree_with_python(worlds: tuple[JoinedWorlds, list[StoredWorld]], seed: int) -> None:
    evaluated, cases = worlds

    assert await evaluated.differing(cases[seed], Way.SQL, Way.LOOKUP, Way.MERGES) == [], str(cases[seed])


@pytest.mark.parametrize("seed", [3, 5])
async def test_a_person_stays_together_where_users_are_split(
    worlds: tuple[JoinedWorlds, list[StoredWorld]], seed: int
) -> None:
    evaluated, cases = worlds

    assert await evaluated.differing(cases[seed], Way.SPLIT) == [], str(cases[seed])


@pytest.mark.parametrize("seed", range(WORLDS // 2))
async def test_now_and_explanations_agree_where_ids_are_joined(
    worlds: tuple[JoinedWorlds, list[StoredWorld]], seed: int
) -> None:
    evaluated, cases = worlds

    assert await evaluated.differing(cases[seed], Way.NOW, Way.EXPLAIN) == [], str(cases[seed])


async def test_the_worlds_join_ids_in_every_way(worlds: tuple[JoinedWorlds, list[StoredWorld]]) -> None:
    _, cases = worlds

    assert sum(bool(case.world.persons()) for case in cases) >= WORLDS - 1
    assert any(case.world.resolutions for case in cases)


@pytest.mark.long
@pytest.mark.timeout(0)
async def test_all_agree_for_long_where_ids_are_joined(
    clickhouse: ClickHouse, record_property: Callable[[str, object], None]
) -> None:
    """Every way to evaluate agrees on new worlds each time. A failure names the first seed of its worlds."""
    first, count, started = Random().randrange(2**40), max(EXAMPLES // WORLDS_OF_EXAMPLES, 1), perf_counter()
    joined = merged = members = 0
    for start in range(first, first + count, WORLDS_TOGETHER):
        seeds = range(start, min(start + WORLDS_TOGETHER, first + count))
        worlds = [joined_world(seed, definitions=1, first=100 + seed - start) for seed in seeds]
        assert [call for world in worlds async for call in wrong_calls(world)] == [], f"first seed: {start}"
        evaluated, (case,) = await store_worlds(clickhouse, [together(worlds)], explained=1, ids_now=3 * len(worlds))
        ways = [way for way in Way if way is not Way.SPLIT or start % 10 == 0]
        assert await evaluated.differing(case, *ways) == [], f"first seed: {start}"
        joined += sum(bool(world.persons()) for world in worlds)
        merged += sum(bool(world.resolutions) for world in worlds)
        members += sum(map(len, case.members.values()))
    assert joined > count * 0.5
    for name, value in {
        "worlds": count,
        "worlds with joined ids": joined,
        "worlds with merges": merged,
        "members": members,
        "s": round(perf_counter() - started),
    }.items():
        record_property(name, value)


TWICE = group(count("buy", "gte", 2))
NEVER = group(count("buy", "eq", 0))


async def test_a_run_after_a_join_says_exit_of_the_id_and_entry_of_the_person(harness: MembershipHarness) -> None:
    tenant = new_tenant()
    segments = {SEGMENT: TWICE, SEGMENT + 1: NEVER}
    await insert_rows(
        harness.clickhouse,
        [
            event_row(tenant, event("device", "buy", id="1"), user_id="", anonymous_id="device"),
            event_row(tenant, event("device", "buy", id="2"), user_id="", anonymous_id="device"),
            event_row(tenant, event("other", "look", id="3")),
            event_row(tenant, event("tablet", "look", id="4"), user_id="", anonymous_id="tablet"),
        ],
    )
    await harness.compute.run(job(tenant, 1, segments))
    claims = [("device", event("ann", "$identify", id="5")), ("tablet", event("ann", "$identify", id="6"))]
    await insert_rows(
        harness.clickhouse,
        [event_row(tenant, claim, anonymous_id=device, joins=True) for device, claim in claims],
    )

    await harness.compute.run(job(tenant, 2, segments))

    changes = [change for change in await harness.changes(tenant) if change.run_id == 2]
    assert {(change.user_id, change.segment_id, change.change) for change in changes} == {
        ("device", SEGMENT, "exited"),
        ("ann", SEGMENT, "entered"),
        ("tablet", SEGMENT + 1, "exited"),
    }
    assert len(changes) == 3
    assert (await harness.succeeded(tenant)).counts.universe == 2
    for id in ("ann", "device", "tablet"):
        assert await harness.segments_of(tenant, id) == (SEGMENT,)
    many = await harness.lookup.segments_of_users(tenant, ["device", "other", "nobody"])
    assert {id: answer.segment_ids for id, answer in many.items()} == {
        "device": (SEGMENT,),
        "other": (SEGMENT + 1,),
        "nobody": (),
    }


async def test_a_person_without_events_of_their_own_is_a_member(harness: MembershipHarness) -> None:
    """Users were merged into an id that was never seen. As of a time before, they were themselves."""
    tenant = new_tenant()
    await harness.insert(tenant, [event("a", "buy"), event("b", "buy")])
    merged = [Resolution(1, NOW, id, "both") for id in ("a", "b")]
    await store_merges(harness.clickhouse, [(tenant, resolution) for resolution in merged])

    await harness.compute.run(job(tenant, 1, {SEGMENT: TWICE}, as_of=from_ms(NOW_MS - 1)))
    assert [await harness.segments_of(tenant, id) for id in ("a", "b", "both")] == [(), (), ()]
    await harness.compute.run(job(tenant, 2, {SEGMENT: TWICE}))

    assert [(change.user_id, change.change) for change in await harness.changes(tenant)] == [("both", "entered")]
    answers = await harness.lookup.segments_of_users(tenant, ["a", "b", "both"])
    assert {id: answer.segment_ids for id, answer in answers.items()} == dict.fromkeys(("a", "b", "both"), (SEGMENT,))
