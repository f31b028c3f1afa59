"""The contracts of `UserDirectory` and `StoredEvents`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from pydantic import JsonValue

from segops_membership.domain.explorer.records import (
    EventFilter,
    EventPosition,
    EventTypeCount,
    StoredEvent,
    Trait,
    UserEvents,
    UserPosition,
    UserSearch,
)
from segops_membership.domain.identity.joins import Person
from segops_membership.domain.publication import Attempt
from tests.contract.membership.conftest import SEARCHED, Ports
from tests.contract.membership.rows import number_users, outcome, publish
from tests.corpus.builders import NOW, NOW_MS, event, new_tenant

HOUR_MS = 3_600_000
EVERY = EventFilter()


async def found(ports: Ports, tenant: int, search: UserSearch, *, limit: int = 2) -> list[str]:
    """Return the ids that a search finds, read page by page."""
    ids: list[str] = []
    after: UserPosition | None = None
    while users := await ports.users.search(tenant, search, after, limit):
        ids += [user.position.user_id for user in users]
        after = users[-1].position
    return ids


async def test_users_are_listed_by_id_with_their_events(ports: Ports) -> None:
    tenant = new_tenant()
    first = event("ben", "view", at=NOW_MS - 10)
    await ports.store_events(tenant, [event("zoe", at=NOW_MS), first, event("ben", at=NOW_MS), event("ü/?", at=1)])
    await ports.store_events(tenant, [first])
    await ports.store_events(new_tenant(), [event("stranger")])
    users = await ports.users.search(tenant, UserSearch(), None, 10)
    assert [(user.position.user_id, user.event_count, user.first_seen_ms, user.last_seen_ms) for user in users] == [
        ("ben", 2, NOW_MS - 10, NOW_MS),
        ("zoe", 1, NOW_MS, NOW_MS),
        ("ü/?", 1, 1, 1),
    ]
    assert await found(ports, tenant, UserSearch()) == ["ben", "zoe", "ü/?"]
    assert [user.position.user_id for user in await ports.users.search(tenant, UserSearch(), None, 1, 1)] == ["zoe"]


async def test_ids_that_begin_with_the_text_come_first(ports: Ports) -> None:
    tenant = new_tenant()
    await ports.store_events(tenant, [event(id) for id in ("a-ann", "Anna", "ann-b", "bob", "an", "100%", "1000")])
    assert await found(ports, tenant, UserSearch(text="ANN")) == ["Anna", "ann-b", "a-ann"]
    assert await found(ports, tenant, UserSearch(text="0%")) == ["100%"]
    assert await found(ports, tenant, UserSearch(text="%")) == ["100%"]
    assert await ports.users.count(tenant, UserSearch(text="ann"), 3) == 3
    assert await ports.users.count(tenant, UserSearch(text="ann"), 2) is None


async def test_a_new_user_does_not_shift_the_next_page(ports: Ports) -> None:
    tenant = new_tenant()
    await ports.store_events(tenant, [event(id) for id in "bdf"])
    (first, second) = await ports.users.search(tenant, UserSearch(), None, 2)
    await ports.store_events(tenant, [event(id) for id in "ace"])
    rest = await ports.users.search(tenant, UserSearch(), second.position, 10)
    assert (first.position.user_id, [user.position.user_id for user in rest]) == ("b", ["e", "f"])


async def test_users_are_found_by_a_present_trait(ports: Ports) -> None:
    tenant = new_tenant()
    values: dict[str, JsonValue] = {"text": "5", "number": 5, "half": 5.5, "flag": True, "none": None}
    await ports.store_events(tenant, [event(name, "$identify", v=value) for name, value in values.items()])
    await ports.store_events(tenant, [event("was", "$identify", at=NOW_MS - 9, v="5", address={"city": "Bonn"})])
    await ports.store_events(tenant, [event("was", "$identify", at=NOW_MS - 8, v=None)])
    await ports.store_events(tenant, [event("tracked", "buy", v="5")])
    search = UserSearch(trait="v", value="5")
    assert await found(ports, tenant, search) == ["number", "text"]
    assert await found(ports, tenant, replace(search, value="true")) == ["flag"]
    assert await found(ports, tenant, replace(search, value="5.50")) == ["half"]
    assert await found(ports, tenant, replace(search, value=None)) == ["flag", "half", "number", "text"]
    assert await found(ports, tenant, UserSearch(trait="address.city", value="Bonn", text="w")) == ["was"]


async def test_the_events_of_a_user_are_counted_by_type(ports: Ports) -> None:
    tenant = new_tenant()
    repeated = event("u", "view", at=NOW_MS - 5)
    await ports.store_events(tenant, [repeated, event("u", "view", at=NOW_MS), event("u", "buy", at=NOW_MS - 9)])
    await ports.store_events(tenant, [repeated, event("v", "other")])
    views = EventTypeCount(event_type="view", count=2, first_seen_ms=NOW_MS - 5, last_seen_ms=NOW_MS)
    buys = EventTypeCount(event_type="buy", count=1, first_seen_ms=NOW_MS - 9, last_seen_ms=NOW_MS - 9)
    events = await ports.users.events_of(tenant, Person("u", ("u",)))
    assert events == UserEvents(event_types=(views, buys), user_id="u", anonymous_ids=())
    assert (events.count, events.first_seen_ms, events.last_seen_ms) == (3, NOW_MS - 9, NOW_MS)
    assert await ports.users.events_of(tenant, Person("nobody", ("nobody",))) is None
    assert await ports.users.events_of(new_tenant(), Person("u", ("u",))) is None


async def test_each_trait_names_the_event_that_set_it(ports: Ports) -> None:
    tenant = new_tenant()
    first = replace(
        event("u", "$identify", at=NOW_MS - 2, id="first"),
        payload={"plan": "pro", "a.b": {"c": {}, "d/e": 1}, "old": 1, "list": [1, None, {}]},
    )
    later = replace(event("u", "$identify", at=NOW_MS - 1, id="later"), payload={"plan": "free", "old": None})
    await ports.store_events(tenant, [later, first, event("u", "view", plan="no trait"), event("v", "$identify", x=1)])
    assert await ports.users.traits_of(tenant, Person("u", ("u",))) == [
        Trait(name="a.b", value={"c": {}, "d/e": 1}, set_at_ms=NOW_MS - 2, message_id="first"),
        Trait(name="list", value=[1, None, {}], set_at_ms=NOW_MS - 2, message_id="first"),
        Trait(name="plan", value="free", set_at_ms=NOW_MS - 1, message_id="later"),
    ]
    assert await ports.users.traits_of(new_tenant(), Person("u", ("u",))) == []


async def test_the_segments_of_a_user_say_since_when(ports: Ports) -> None:
    tenant = new_tenant()
    numbers = await number_users(ports, tenant, "u", "v")
    u, v = numbers["u"], numbers["v"]
    enter = outcome(7, [u, v], entered=[u, v])
    await publish(ports, tenant, Attempt(1, 1), [enter, outcome(8, [u], entered=[u])], number=1, as_of_ms=NOW_MS - 9)
    await publish(ports, tenant, Attempt(2, 1), [outcome(7, [], exited=[u, v])], number=2, as_of_ms=NOW_MS - 8)
    await publish(ports, tenant, Attempt(3, 1), [outcome(7, [u], entered=[u])], number=3, as_of_ms=NOW_MS - 7)
    # An attempt that was not published.
    await ports.results.write_outcomes(tenant, Attempt(4, 1), [outcome(8, [], exited=[u])], NOW_MS, NOW)
    await ports.results.write_changes(tenant, Attempt(4, 1), [outcome(8, [], exited=[u])], NOW)
    assert await ports.users.memberships_of(tenant, "u") == {7: NOW_MS - 7, 8: NOW_MS - 9}
    assert await ports.users.memberships_of(tenant, "v") == {}
    assert await ports.users.memberships_of(new_tenant(), "u") == {}


async def all_events(ports: Ports, tenant: int, events: EventFilter = EVERY, *, limit: int = 2) -> list[StoredEvent]:
    """Return the events of a tenant, read page by page."""
    stored: list[StoredEvent] = []
    before: EventPosition | None = None
    while True:
        page = await ports.stored_events.newest(tenant, events, before, limit)
        assert len(page.events) <= limit
        stored += page.events
        before = page.before
        if before is None:
            return stored


def ids(events: Sequence[StoredEvent]) -> list[str]:
    return [stored_event.message_id for stored_event in events]


async def test_events_come_newest_first_and_once(ports: Ports) -> None:
    tenant = new_tenant()
    payload: dict[str, JsonValue] = {"a": {}, "x": 1.5, "url": "https://x/y", "big": 2**60}
    events = [
        replace(event("u", "view", at=NOW_MS, id="b"), payload=payload),
        replace(event("u", "view", at=NOW_MS, id="a"), position=1),
        *(event(f"u{i}", "same", at=NOW_MS - 5, id=f"s{i}") for i in range(5)),
        event("v", "buy", at=NOW_MS - 9, id="last"),
    ]
    await ports.store_events(tenant, events)
    await ports.store_events(tenant, events[:4])
    await ports.store_events(new_tenant(), [event("u", id="theirs")])
    stored = await all_events(ports, tenant)
    assert (ids(stored)[:2], set(ids(stored)[2:-1]), ids(stored)[-1]) == (
        ["a", "b"],
        {f"s{i}" for i in range(5)},
        "last",
    )
    assert len(stored) == len(events)
    assert (stored[1].payload, stored[1].profile_id, stored[1].at.timestamp_ms) == (payload, "u", NOW_MS)
    assert ids(await all_events(ports, tenant, limit=100)) == ids(stored)


async def test_new_events_do_not_shift_the_next_page(ports: Ports) -> None:
    tenant = new_tenant()
    await ports.store_events(tenant, [event("u", at=NOW_MS - i, id=f"m{i}") for i in (2, 4, 6, 8)])
    page = await ports.stored_events.newest(tenant, EventFilter(), None, 2)
    await ports.store_events(tenant, [event("u", at=NOW_MS - i, id=f"m{i}") for i in (1, 3, 5)])
    rest = await ports.stored_events.newest(tenant, EventFilter(), page.before, 10)
    assert (ids(page.events), ids(rest.events), rest.before) == (["m2", "m4"], ["m5", "m6", "m8"], None)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (EventFilter(event_type="view"), ["d", "a"]),
        (EventFilter(user_id="v"), ["d", "c"]),
        (EventFilter(event_type="buy", user_id="v"), ["c"]),
        (EventFilter(since_ms=NOW_MS - 3, until_ms=NOW_MS - 1), ["c", "b"]),
        (EventFilter(event_type="absent"), []),
    ],
)
async def test_events_are_filtered(ports: Ports, events: EventFilter, expected: list[str]) -> None:
    tenant = new_tenant()
    rows = [("a", "u", "view", 4), ("b", "u", "buy", 3), ("c", "v", "buy", 2), ("d", "v", "view", 1)]
    await ports.store_events(tenant, [event(user, name, at=NOW_MS - age, id=id) for id, user, name, age in rows])
    for limit in (1, 2, 10):
        assert ids(await all_events(ports, tenant, events, limit=limit)) == expected


async def test_a_text_is_searched_portion_by_portion(ports: Ports) -> None:
    tenant = new_tenant()
    hits = {0, 1, 2, SEARCHED * 3}
    await ports.store_events(
        tenant,
        [
            event("u", at=NOW_MS - i, id=f"m{i}", note="Größe/XL" if i in hits else "none")
            for i in range(SEARCHED * 3 + 2)
        ],
    )
    for text in ("GRÖSSE".replace("SS", "ß") + "/xl", "e/X"):
        for limit, user in ((1, None), (2, "u"), (10, None)):
            found_ids = ids(await all_events(ports, tenant, EventFilter(text=text, user_id=user), limit=limit))
            assert found_ids == [f"m{i}" for i in sorted(hits)], (text, limit)
    page = await ports.stored_events.newest(tenant, EventFilter(text="absent"), None, 10)
    assert page.events == ()
    assert page.before is not None


async def test_event_types_come_with_their_last_day(ports: Ports) -> None:
    tenant = new_tenant()
    ages = (0, 0, HOUR_MS, 23 * HOUR_MS, 24 * HOUR_MS)
    await ports.store_events(tenant, [event("u", "view", at=NOW_MS - age) for age in ages])
    await ports.store_events(tenant, [event("u", "buy", at=NOW_MS + HOUR_MS)])
    views, buys = await ports.stored_events.event_types(tenant, NOW_MS, 10)
    assert (views.event_type, views.count, views.first_seen_ms, views.last_seen_ms) == (
        "view",
        5,
        NOW_MS - 24 * HOUR_MS,
        NOW_MS,
    )
    assert views.hours == (1, *[0] * 21, 1, 2)
    assert (buys.event_type, buys.hours) == ("buy", (0,) * 24)
    assert len(await ports.stored_events.event_types(tenant, NOW_MS, 1)) == 1
    assert await ports.stored_events.event_types(new_tenant(), NOW_MS, 10) == []
