"""The contract of `StaticLists`."""

from __future__ import annotations

from collections.abc import Collection

from segops_membership.domain.static_list import StaticListState
from tests.contract.membership.conftest import Ports
from tests.contract.membership.rows import list_of, portion
from tests.corpus.builders import new_tenant

SEGMENT = 7


async def members(ports: Ports, tenant: int, users: Collection[str], since: int, until: int) -> set[str]:
    """Return which of the users the changes of these versions make members."""
    segment = list_of(since, until)
    return {user for user in users if await ports.profile_events.static_segments_of(tenant, [user], [segment])}


async def test_a_list_without_changes_has_no_state(ports: Ports) -> None:
    assert await ports.lists.states(new_tenant(), [SEGMENT]) == {}


async def test_states_are_those_that_were_saved(ports: Ports) -> None:
    tenant, other = new_tenant(), new_tenant()
    state = StaticListState(since=1, version=2, kept=1, coming=3, parts=2, lost=True)
    await ports.lists.save_state(tenant, SEGMENT, state)
    assert await ports.lists.states(tenant, [SEGMENT, 8]) == {SEGMENT: state}
    assert await ports.lists.states(tenant, []) == {}
    assert await ports.lists.states(other, [SEGMENT]) == {}


async def test_an_older_state_is_ignored(ports: Ports) -> None:
    tenant = new_tenant()
    newest = StaticListState(version=2, coming=3, parts=2)
    for state in (newest, StaticListState(version=1, coming=9, parts=9), StaticListState(version=2, coming=3, parts=1)):
        await ports.lists.save_state(tenant, SEGMENT, state)
    assert await ports.lists.states(tenant, [SEGMENT]) == {SEGMENT: newest}


async def test_the_last_change_of_a_user_decides(ports: Ports) -> None:
    tenant = new_tenant()
    first = portion(tenant, 1, add=["a", "b", "é\n"])
    second = portion(tenant, 2, add=["c"], remove=["a", "never"])
    await ports.lists.store(tenant, [second])
    await ports.lists.store(tenant, [first, second])
    users = ("a", "b", "c", "é\n", "never")
    assert await members(ports, tenant, users, 1, 1) == {"a", "b", "é\n"}
    assert await members(ports, tenant, users, 1, 2) == {"b", "c", "é\n"}
    assert await members(ports, tenant, users, 2, 2) == {"c"}


async def test_forgotten_changes_have_no_effect(ports: Ports) -> None:
    tenant = new_tenant()
    await ports.lists.store(tenant, [portion(tenant, 1, add=["a"]), portion(tenant, 2, add=["b"])])
    for _ in range(2):
        await ports.lists.forget(tenant, SEGMENT, 2)
    # ClickHouse deletes in the background; what was not forgotten stays.
    assert await members(ports, tenant, ("b",), 1, 2) == {"b"}
