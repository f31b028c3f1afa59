"""Explanations say of every user and definition what runs say, from events as the warehouse gives them back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from random import Random

import pytest
from pydantic import JsonValue

from segops_common.contracts.warehouse import HISTORY_COMPLETE_SQL
from segops_common.stores.clickhouse import ClickHouse
from segops_language import EventPattern
from segops_language.events import Event
from segops_language.reference.evaluate import EvaluatedProfile
from segops_language.reference.explain import explain
from segops_language.values.json import equal, same
from segops_language.walk import Needs, needs_of
from segops_membership.adapters.clickhouse.profile_events import ClickHouseProfileEvents
from segops_membership.domain.predicates import StaticListPredicate
from segops_membership.ports.events import TooManyEvents
from tests.corpus.builders import NOW_MS, count, event, group, new_tenant
from tests.corpus.cases import SEGMENT
from tests.corpus.scenario import LISTED, OFFSETS, USERS, Scenario
from tests.integration.membership.differential import members_by_sql
from tests.integration.membership.harness import insert_events

ROUNDS = 6
CROWD = 8
DEFINITIONS = 40
"""Every round asks 40 definitions about 47 users: 11,280 pairs in all."""


@pytest.fixture
async def clickhouse(migrated: None, clickhouse_url: str) -> AsyncIterator[ClickHouse]:
    """A client for one test."""
    clickhouse = ClickHouse(url=clickhouse_url)
    yield clickhouse
    await clickhouse.close()


@pytest.fixture(params=["history", "events"])
async def source(request: pytest.FixtureRequest, clickhouse: ClickHouse) -> AsyncIterator[None]:
    """Let explanations read the table in the order of profiles, or `events`, as while history is being copied."""
    for shard in clickhouse.shards:
        if request.param == "events":
            await shard.command("ALTER TABLE history_copies DELETE WHERE name = 'complete' SETTINGS mutations_sync = 1")
        is_complete = int((await shard.query(HISTORY_COMPLETE_SQL)).rows[0][0]) > 0
        assert is_complete == (request.param == "history")
    yield
    for shard in clickhouse.shards if request.param == "events" else ():
        await shard.command("INSERT INTO history_copies (name) VALUES ('complete')")


def _crowd(random: Random, events: list[Event]) -> list[Event]:
    """More users, to whom the same things happened in part, at other times."""
    return [
        replace(
            stored_event,
            profile_id=f"{random.choice(USERS)}-{i}",
            message_id=f"{stored_event.message_id}-{i}",
            timestamp_ms=NOW_MS + random.choice(OFFSETS),
        )
        for i in range(CROWD)
        for stored_event in events
        if random.random() < 0.8
    ]


@pytest.mark.parametrize("seed", range(ROUNDS))
async def test_an_explanation_agrees_with_a_run(clickhouse: ClickHouse, seed: int) -> None:
    random = Random(seed)
    scenario = Scenario(random)
    events = [*scenario.events, *_crowd(random, scenario.events)]
    expected = [scenario.definition(SEGMENT + 1 + i) for i in range(DEFINITIONS)]
    tenant = new_tenant()

    by_run = await members_by_sql(
        clickhouse, events, expected, NOW_MS, references=scenario.references, lists=scenario.lists, tenant=tenant
    )

    reader = ClickHouseProfileEvents(clickhouse=clickhouse)
    needs = needs_of((*expected, *scenario.references.values()))
    predicates = [StaticListPredicate(segment_id, 2, 3) for segment_id in scenario.lists]
    users = (*LISTED, *(f"{user}-{i}" for user in USERS for i in range(CROWD)))
    explained: list[set[str]] = [set() for _ in expected]
    for user in users:
        has_events = await reader.has_events(tenant, [user], NOW_MS)
        assert has_events == any(
            stored_event.profile_id == user and stored_event.timestamp_ms <= NOW_MS for stored_event in events
        )
        observed = [accepted.event for accepted in await reader.read(tenant, [user], needs, NOW_MS)]
        inside = await reader.static_segments_of(tenant, [user], predicates)
        lists = {segment_id: frozenset((user,) if segment_id in inside else ()) for segment_id in scenario.lists}
        profile = EvaluatedProfile(user, observed, NOW_MS, SEGMENT, scenario.references, lists, has_events)
        for members, definition in zip(explained, expected, strict=True):
            if explain(profile, definition).forecast.holds:
                members.add(user)
    assert explained == [set(item) for item in by_run]


PAYLOAD: dict[str, JsonValue] = {
    "a.b": 1,
    "a": {"c.d": [1, "x", None, {"e.f": True}], "g": -0.5},
    "large": 2**63,
    "small": -(2**63),
    "number": 5.0,
    "text": 'é"\\\n😀',
    "k'`": "x",
}


@pytest.mark.usefixtures("source")
async def test_a_payload_comes_back_as_it_was_sent(clickhouse: ClickHouse) -> None:
    tenant = new_tenant()
    sent = [
        Event("ü", "buy", "m1", NOW_MS, PAYLOAD),
        Event("ü", "$identify", "m2", NOW_MS - 1, {"plan": None, "x.y": "z"}),
        Event("ü", "buy", "later", NOW_MS + 1, {}),
        Event("other", "buy", "theirs", NOW_MS, {}),
    ]
    for part in (sent, sent[:1]):
        await insert_events(clickhouse, [(tenant, item) for item in part])
    needs = Needs(frozenset({EventPattern("", False), EventPattern("$identify", True)}), payloads=True)

    reader = ClickHouseProfileEvents(clickhouse=clickhouse)
    events = [accepted.event for accepted in await reader.read(tenant, ["ü"], needs, NOW_MS)]

    identify, bought = sorted(events, key=lambda item: item.timestamp_ms)
    assert (len(events), identify) == (2, sent[1])
    assert bought.message_id == "m1"
    assert same(dict(bought.payload), PAYLOAD)
    assert equal(bought.payload["large"], 2**63)


@pytest.mark.usefixtures("source")
async def test_only_what_is_asked_for_is_read_and_not_too_much(clickhouse: ClickHouse) -> None:
    tenant = new_tenant()
    await insert_events(clickhouse, [(tenant, event("u", name)) for name in ("buy", "buy", "look", "$page")])
    reader = ClickHouseProfileEvents(clickhouse=clickhouse, max_events=2)

    bought = await reader.read(tenant, ["u"], needs_of([group(count("bu*"))]), NOW_MS)

    assert [accepted.event.event_type for accepted in bought] == ["buy", "buy"]
    assert not await reader.has_events(tenant, ["u"], NOW_MS - 10_000)
    with pytest.raises(TooManyEvents):
        await reader.read(tenant, ["u"], needs_of([group(count("*"))]), NOW_MS)
