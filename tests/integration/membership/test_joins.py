"""Joined ids are one profile for SQL, the reference, explanations and look-ups."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from segops_common.contracts.topics import EVENTS
from segops_common.stores.clickhouse import ClickHouse
from segops_language.values.instants import from_ms
from segops_membership.adapters.clickhouse.identity.join_reader import ClickHouseJoinReader
from segops_membership.adapters.clickhouse.profile_events import ClickHouseProfileEvents
from segops_membership.adapters.log.unstored_events import LogUnstoredEvents
from segops_membership.adapters.memory.segment_definitions import MemorySegmentDefinitions
from segops_membership.service.analysis.explain import Explain
from segops_membership.service.identity.persons import Persons
from segops_membership.service.lookup.membership_now import MembershipNow
from segops_membership.service.profile_loader import ProfileLoader
from segops_testkit.clock import ManualClock
from tests.corpus.builders import NOW, NOW_MS, count, event, group, job, new_tenant
from tests.corpus.joins import IDS, JoinedWorld
from tests.corpus.scenario import LISTED
from tests.integration.membership.harness import MembershipHarness, event_row, insert_lists, insert_rows
from tests.integration.membership.joined import differing, store, store_merges
from tests.integration.membership.test_now import Ingestion, ListsOfScenario, define

WORLDS = 6
EXAMPLES = int(os.environ.get("EXAMPLES", "20000"))
WORLDS_OF_EXAMPLES = 10
"""A tenth of EXAMPLES: 2,000 worlds, each with a dozen definitions."""
SEGMENT = 42


@pytest.mark.parametrize("seed", range(WORLDS))
async def test_sql_and_python_agree_where_ids_are_joined(clickhouse: ClickHouse, seed: int) -> None:
    world, tenant = JoinedWorld(seed), new_tenant()
    await store(clickhouse, tenant, world)

    assert await differing(clickhouse, tenant, world) == [], described(world)


@pytest.mark.parametrize("seed", [3, 5])
async def test_a_person_stays_together_where_users_are_split(clickhouse: ClickHouse, seed: int) -> None:
    world, tenant = JoinedWorld(seed), new_tenant()
    await store(clickhouse, tenant, world)

    assert await differing(clickhouse, tenant, world, parts=(4,)) == [], described(world)


def test_the_worlds_join_ids_in_every_way() -> None:
    worlds = [JoinedWorld(seed, definitions=0) for seed in range(WORLDS)]

    assert sum(bool(world.persons()) for world in worlds) >= WORLDS - 1
    assert any(world.resolutions for world in worlds)


async def assert_now(clickhouse: ClickHouse, seed: int | bytes) -> None:
    """Compare look-ups now and explanations of every id with the reference, with a sink that stopped somewhere."""
    world, tenant = JoinedWorld(seed, definitions=8), new_tenant()
    ingestion, definitions = Ingestion(int.from_bytes(str(seed).encode())), MemorySegmentDefinitions()
    for sent in world.events:
        await ingestion.accept(
            EVENTS, tenant, sent.event, user_id=sent.user_id, anonymous_id=sent.anonymous_id, joins=sent.joins
        )
    await define(definitions, tenant, world.scenario)
    await insert_lists(clickhouse, tenant, world.scenario.lists, LISTED)
    await store_merges(clickhouse, tenant, world.resolutions)
    # Of a tenant without any stored join, the first one counts when it is stored.
    other = event("someone else", at=NOW_MS)
    await insert_rows(clickhouse, [event_row(tenant, other, anonymous_id="their device", joins=True)] * 2)
    await ingestion.store_some(clickhouse)
    loader = ProfileLoader(
        stored=ClickHouseProfileEvents(clickhouse=clickhouse),
        unstored=LogUnstoredEvents(log=ingestion.log, timeout_s=60),
        lists=ListsOfScenario(),
        persons=Persons(reader=ClickHouseJoinReader(clickhouse=clickhouse)),
    )
    clock = ManualClock(from_ms(world.as_of_ms))
    now = MembershipNow(definitions=definitions, profiles=loader, clock=clock)
    explain = Explain(definitions=definitions, profiles=loader, clock=clock)
    persons = world.persons()
    expected = {
        id: world.members(definition, segment_id=id) if id not in world.scenario.lists else world.listed(id)
        for id, definition in world.scenario.references.items()
    }
    for id in sorted({*IDS, *LISTED}):
        person = persons.get(id, id)
        answer = await now.segments_of(tenant, id)
        assert set(answer.segment_ids) == {s for s, members in expected.items() if person in members}, (
            id,
            described(world),
        )
        assert answer.stale_reason is None
        for segment_id in sorted(expected)[-2:]:
            explained = await explain.explain(tenant, id, segment_id=segment_id, definition=None, as_of=None)
            assert explained.explanation.forecast.holds == (person in expected[segment_id]), (id, described(world))


@pytest.mark.parametrize("seed", range(WORLDS // 2))
async def test_now_and_explanations_agree_where_ids_are_joined(clickhouse: ClickHouse, seed: int) -> None:
    await assert_now(clickhouse, seed)


def described(world: JoinedWorld) -> object:
    return world.as_of_ms, world.persons(), world.events, world.resolutions


@pytest.mark.long
@pytest.mark.timeout(0)
@settings(
    max_examples=max(EXAMPLES // WORLDS_OF_EXAMPLES, 1),
    deadline=None,
    phases=[Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(seed=st.binary(min_size=8, max_size=8))
async def test_all_agree_for_long_where_ids_are_joined(clickhouse: ClickHouse, seed: bytes) -> None:
    world, tenant = JoinedWorld(seed), new_tenant()
    await store(clickhouse, tenant, world)

    assert await differing(clickhouse, tenant, world) == [], described(world)
    await assert_now(clickhouse, seed)


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
    world = JoinedWorld(0, definitions=0)
    merged = [replace(world.resolutions[0], version=1, at=NOW, user_id=id, canonical_id="both") for id in ("a", "b")]
    await store_merges(harness.clickhouse, tenant, merged)

    await harness.compute.run(job(tenant, 1, {SEGMENT: TWICE}, as_of=from_ms(NOW_MS - 1)))
    assert [await harness.segments_of(tenant, id) for id in ("a", "b", "both")] == [(), (), ()]
    await harness.compute.run(job(tenant, 2, {SEGMENT: TWICE}))

    assert [(change.user_id, change.change) for change in await harness.changes(tenant)] == [("both", "entered")]
    answers = await harness.lookup.segments_of_users(tenant, ["a", "b", "both"])
    assert {id: answer.segment_ids for id, answer in answers.items()} == dict.fromkeys(("a", "b", "both"), (SEGMENT,))
