"""The contracts of `ProfileNumberSequence` and `Profiles`."""

from __future__ import annotations

import asyncio

from tests.contract.membership.conftest import Ports
from tests.contract.membership.rows import list_of, number_users, portion
from tests.corpus.builders import event, new_tenant


async def test_no_number_is_reserved_twice(ports: Ports) -> None:
    tenant = new_tenant()
    firsts = await asyncio.gather(*(ports.sequence.reserve(tenant, 10) for _ in range(8)))
    reserved = [number for first in firsts for number in range(first, first + 10)]
    assert len(set(reserved)) == 80
    assert await ports.sequence.reserve(new_tenant(), 3) == min(reserved)


async def test_users_with_events_are_pending_until_they_are_numbered(ports: Ports) -> None:
    tenant = new_tenant()
    await ports.store_events(tenant, [event("u"), event("u"), event("v")])
    assert await ports.profiles.count_pending(tenant) == 2
    await ports.profiles.assign_numbers(tenant, 5, 2, 1)
    assert await ports.profiles.count_pending(tenant) == 0
    assert await ports.profiles.count_pending(new_tenant()) == 0


async def test_at_most_the_given_count_is_numbered(ports: Ports) -> None:
    tenant = new_tenant()
    await ports.store_events(tenant, [event(user) for user in "abc"])
    await ports.profiles.assign_numbers(tenant, 1, 2, 1)
    assert await ports.profiles.count_pending(tenant) == 1
    assert set(await ports.profiles.user_ids(tenant, range(10))) == {1, 2}


async def test_a_number_stays(ports: Ports) -> None:
    tenant = new_tenant()
    numbers = await number_users(ports, tenant, "a", "b")
    await ports.store_events(tenant, [event("a"), event("c")])
    await ports.profiles.assign_numbers(tenant, 3, 5, 2)
    user_ids = await ports.profiles.user_ids(tenant, [1, 2, 3, 4])
    assert {user_ids[number]: number for number in user_ids} == {**numbers, "c": 3}


async def test_users_of_lists_are_profiles_without_events(ports: Ports) -> None:
    tenant = new_tenant()
    await ports.store_events(tenant, [event("both")])
    await ports.lists.store(tenant, [portion(tenant, 1, add=["both", "listed"]), portion(tenant, 2, add=["later"])])
    first, all_changes = [list_of(1, 1)], [list_of(1, 2)]
    assert await ports.profiles.count_pending(tenant) == 1
    assert await ports.profiles.count_pending(tenant, first) == 2
    assert await ports.profiles.count_pending(tenant, all_changes) == 3
    await ports.profiles.assign_numbers(tenant, 1, 2, 1, first)
    assert set((await ports.profiles.user_ids(tenant, [1, 2])).values()) == {"both", "listed"}
    assert await ports.profiles.count_pending(tenant, all_changes) == 1
