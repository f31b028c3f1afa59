"""The contract of `ChangeHistory`."""

from __future__ import annotations

from pyroaring import BitMap

from segops_membership.domain.members.changes import ChangedUser
from segops_membership.domain.publication import Attempt, Difference
from tests.contract.membership.conftest import Ports
from tests.contract.membership.rows import number_users, outcome, publish
from tests.corpus.builders import NOW_MS, new_tenant

NAMES = [f"user-{number}" for number in range(7)]
FIRST, SECOND, LATE = Attempt(1, 1), Attempt(2, 1), Attempt(3, 1)


async def two_publications(ports: Ports, tenant: int) -> dict[str, int]:
    """The second one publishes segment 1 with nothing new, and what 2 did not report before."""
    n = await number_users(ports, tenant, *NAMES)
    everyone = [n[name] for name in NAMES]
    first = [outcome(1, everyone, entered=everyone), outcome(2, everyone[:2], entered=everyone[:2])]
    await publish(ports, tenant, FIRST, first, number=1, as_of_ms=NOW_MS)
    unreported = Difference(BitMap(everyone[2:4]), BitMap(everyone[:1]))
    second = [outcome(1, everyone), outcome(2, everyone[1:4], entered=everyone[3:4], unreported=unreported)]
    await publish(ports, tenant, SECOND, second, number=2, as_of_ms=NOW_MS)
    return n


async def test_segments_without_changes_are_left_out(ports: Ports) -> None:
    tenant = new_tenant()
    await two_publications(ports, tenant)
    attempts = [FIRST, SECOND, LATE]
    changed = await ports.changes.changed_segments(tenant, attempts)
    assert {attempt: sorted(segments) for attempt, segments in changed.items()} == {FIRST: [1, 2], SECOND: [2]}
    of_one = await ports.changes.changed_segments(tenant, attempts, 1)
    assert {attempt: sorted(segments) for attempt, segments in of_one.items()} == {FIRST: [1]}
    assert not await ports.changes.changed_segments(new_tenant(), attempts)


async def test_users_come_by_ascending_key_in_pages(ports: Ports) -> None:
    tenant = new_tenant()
    await two_publications(ports, tenant)
    whole = await ports.changes.changed_users(tenant, FIRST, [1, 2], first_key=0, limit=100)
    assert sorted(user.user_id for user in whole) == NAMES
    assert [user.key for user in whole] == sorted(user.key for user in whole)
    walked: list[ChangedUser] = []
    first_key = 0
    while page := await ports.changes.changed_users(tenant, FIRST, [1, 2], first_key=first_key, limit=2):
        walked += page
        first_key = page[-1].key + 1
    assert walked == list(whole)
    in_both = {user.user_id for user in whole if user.segments == [(1, True), (2, True)]}
    assert in_both == set(NAMES[:2])
    assert all(user.segments == [(1, True)] for user in whole if user.user_id not in in_both)
    assert not await ports.changes.changed_users(new_tenant(), FIRST, [1, 2], first_key=0, limit=100)


async def test_what_was_not_reported_before_stands_for_the_difference_to_the_published_members(ports: Ports) -> None:
    tenant = new_tenant()
    await two_publications(ports, tenant)
    users = await ports.changes.changed_users(tenant, SECOND, [2], first_key=0, limit=100)
    assert {user.user_id: user.segments for user in users} == {
        NAMES[0]: [(2, False)],
        NAMES[2]: [(2, True)],
        NAMES[3]: [(2, True)],
    }
