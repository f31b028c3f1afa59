"""The contracts of `ProfileEvents` and `ObservedEventsReader`."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import JsonValue

from segops_common.contracts.http import ObservedEvents
from segops_language.lint.values import ValueCounts
from segops_language.values import EventPattern
from segops_language.walk import Needs
from segops_membership.ports.events import TooManyEvents
from tests.contract.membership.conftest import MAX_EVENTS, Ports
from tests.contract.membership.rows import list_of, portion
from tests.corpus.builders import NOW_MS, event, new_tenant

ALL = Needs(frozenset({EventPattern("", False), EventPattern("$identify", True)}), payloads=True)


async def test_a_profile_has_events_from_its_first_on(ports: Ports) -> None:
    tenant = new_tenant()
    await ports.store_events(tenant, [event("u", at=NOW_MS), event("u", at=NOW_MS - 10)])
    has_events = [await ports.profile_events.has_events(tenant, ["u"], NOW_MS - 10 + ms) for ms in (-1, 0, 1)]
    assert has_events == [False, True, True]
    assert not await ports.profile_events.has_events(tenant, ["v"], NOW_MS)
    assert not await ports.profile_events.has_events(new_tenant(), ["u"], NOW_MS)


async def test_profiles_with_events_are_known(ports: Ports) -> None:
    tenant = new_tenant()
    await ports.store_events(tenant, [event("ü"), event("v", "$identify"), event("w")])
    assert await ports.profile_events.count_known(tenant, ["ü", "v", "ü", "stranger", ""]) == 2
    assert await ports.profile_events.count_known(tenant, []) == 0
    assert await ports.profile_events.count_known(new_tenant(), ["ü"]) == 0


async def test_events_up_to_the_instant_are_read_once(ports: Ports) -> None:
    tenant = new_tenant()
    first = event("ü", "view", at=NOW_MS - 10, page="a", nested={"n": 1.5})
    last, later = event("ü", "$identify", at=NOW_MS, plan=None), event("ü", "view", at=NOW_MS + 1)
    await ports.store_events(tenant, [first, last, later, event("v", "view")])
    await ports.store_events(tenant, [first])
    events = [accepted.event for accepted in await ports.profile_events.read(tenant, ["ü"], ALL, NOW_MS)]
    assert sorted(events, key=lambda item: item.timestamp_ms) == [first, last]


@pytest.mark.parametrize(
    ("pattern", "types"),
    [
        (EventPattern("view", True), {"view"}),
        (EventPattern("view", False), {"view", "viewed"}),
        (EventPattern("", False), {"view", "viewed"}),
        (EventPattern("$identify", True), {"$identify"}),
        (EventPattern("absent", True), set()),
    ],
)
async def test_only_the_types_needed_are_read(ports: Ports, pattern: EventPattern, types: set[str]) -> None:
    tenant = new_tenant()
    await ports.store_events(tenant, [event("u", name) for name in ("view", "viewed", "$identify")])
    events = await ports.profile_events.read(tenant, ["u"], Needs(frozenset({pattern}), payloads=False), NOW_MS)
    assert {accepted.event.event_type for accepted in events} == types
    assert await ports.profile_events.read(tenant, ["u"], Needs(frozenset(), payloads=True), NOW_MS) in ((), [])


async def test_payloads_are_empty_unless_they_are_needed(ports: Ports) -> None:
    tenant = new_tenant()
    await ports.store_events(tenant, [event("u", "view", page="a")])
    (bare,) = await ports.profile_events.read(tenant, ["u"], replace(ALL, payloads=False), NOW_MS)
    assert bare.event.payload == {}


async def test_objects_without_a_value_are_read_back(ports: Ports) -> None:
    tenant = new_tenant()
    payload: dict[str, JsonValue] = {"a": {}, "b": {"c.d": {"e": {}}, "f": 1}, "g": [{"h": {}}, {}], "0": {"1": {}}}
    await ports.store_events(tenant, [replace(event("u", "view"), payload=payload)])
    (stored,) = await ports.profile_events.read(tenant, ["u"], ALL, NOW_MS)
    assert stored.event.payload == payload


async def test_too_many_events_are_refused(ports: Ports) -> None:
    tenant = new_tenant()
    await ports.store_events(tenant, [event("u") for _ in range(MAX_EVENTS)])
    assert len(await ports.profile_events.read(tenant, ["u"], ALL, NOW_MS)) == MAX_EVENTS
    await ports.store_events(tenant, [event("u")])
    with pytest.raises(TooManyEvents):
        await ports.profile_events.read(tenant, ["u"], ALL, NOW_MS)


async def test_the_lists_that_contain_a_profile_are_found(ports: Ports) -> None:
    tenant = new_tenant()
    portions = [portion(tenant, 1, segment_id=id, add=users) for id, users in ((7, ["u"]), (8, ["v"]), (9, ["u", "v"]))]
    await ports.lists.store(tenant, portions)
    lists = [list_of(1, 1, segment_id=id) for id in (7, 8, 9)]
    assert set(await ports.profile_events.static_segments_of(tenant, ["u"], lists)) == {7, 9}
    assert set(await ports.profile_events.static_segments_of(tenant, ["u"], [])) == set()
    assert set(await ports.profile_events.static_segments_of(new_tenant(), ["u"], lists)) == set()


async def test_types_and_properties_are_observed(ports: Ports) -> None:
    tenant, other = new_tenant(), new_tenant()
    events = [
        replace(event("u", "purchase"), payload={"price": 5, "a.b": "x"}),
        event("u", "purchase", price=5.5, shop={"city": "Bonn"}, gift=True, items=[{"sku": 1}]),
        event("v", "purchase", price="free"),
        event("v", "login", via="x"),
        event("v", "$identify", plan="pro"),
    ]
    await ports.store_events(tenant, events)
    await ports.store_events(other, [event("u", "secret", canary=1)])
    assert await ports.observed_events.read(tenant, ["purchase", "$identify", "absent"]) == ObservedEvents(
        event_types=("purchase", "$identify", "login"),
        complete=True,
        properties={
            "purchase": {
                "a\\.b": ("string",),
                "gift": ("boolean",),
                "items": ("array",),
                "price": ("number", "string"),
                "shop.city": ("string",),
            },
            "$identify": {"plan": ("string",)},
        },
    )


async def test_values_are_counted_by_what_they_are(ports: Ports) -> None:
    tenant = new_tenant()
    values: list[JsonValue] = [
        "2026-01-31",
        "2026-01-31T09:00:00Z",
        "1795435200",
        "soon",
        "5",
        5,
        5.5,
        True,
        None,
        ["a"],
        {"a": 1},
    ]
    await ports.store_events(tenant, [event(f"u{i}", "renewal", at_=value) for i, value in enumerate(values)])
    await ports.store_events(tenant, [event("u", "$identify", plan=f"plan {i}") for i in range(30)])
    renewals, plans, absent = ("renewal", "at_"), ("$identify", "plan"), ("absent", "p")
    counts = await ports.observed_events.count_values(tenant, [renewals, plans, absent])
    assert counts[renewals] == ValueCounts(
        present=10,
        numbers=2,
        strings=5,
        numerals=2,
        instants=5,
        short_instants=2,
        texts=("1795435200", "2026-01-31", "2026-01-31T09:00:00Z", "5", "soon"),
    )
    of_plans = counts[plans]
    assert (of_plans.present, of_plans.strings, len(of_plans.texts), of_plans.has_all_texts) == (30, 30, 20, False)
    assert counts[absent] == ValueCounts()
    assert await ports.observed_events.count_values(tenant, []) == {}


async def test_a_tenant_without_events_has_nothing_to_observe(ports: Ports) -> None:
    observed = await ports.observed_events.read(new_tenant(), ["login"])
    assert observed == ObservedEvents(event_types=(), complete=True, properties={})
