"""The contracts of `Retentions` and `ExpiredEvents`."""

from __future__ import annotations

from datetime import timedelta

from segops_language.lint.retention import Retention
from segops_language.values.instants import to_ms
from segops_membership.domain.identity.joins import Person
from segops_membership.domain.privacy.retention import TenantRetention
from tests.contract.membership.conftest import Ports
from tests.contract.membership.rows import EXPIRED, LATER, LONG
from tests.corpus.builders import NOW, event, new_tenant

DAY_MS = 86_400_000
RULES = Retention(20, {"viewed": 10, "login": 30})


async def test_a_retention_is_due_when_it_changes_and_later_again(ports: Ports) -> None:
    tenant = new_tenant()
    assert await ports.retentions.find(tenant) == TenantRetention(tenant_id=tenant)
    await ports.retentions.store(tenant, RULES, NOW)
    stored = await ports.retentions.find(tenant)
    assert (stored.retention, stored.changed_at, stored.applied_at) == (RULES, NOW, None)
    assert await ports.retentions.take(10, LONG) == [stored]
    assert await ports.retentions.take(10, LONG) == [], "another worker has it"
    await ports.retentions.mark_applied(stored, {"viewed": 3}, NOW, LONG)
    await ports.retentions.mark_applied(stored, {"viewed": 1, "login": 1}, NOW, EXPIRED)
    (again,) = await ports.retentions.take(10, LONG)
    assert (again.retention.removed, again.applied_at) == ({"viewed": 4, "login": 1}, NOW)
    await ports.retentions.store(tenant, Retention(50), NOW + timedelta(seconds=1))
    await ports.retentions.mark_applied(again, {}, NOW, LONG)
    (changed,) = await ports.retentions.take(10, LONG)
    assert changed.retention == Retention(50, {}, {"viewed": 4, "login": 1})
    await ports.retentions.store(tenant, Retention(), NOW + timedelta(seconds=2))
    assert await ports.retentions.take(10, LONG) == [], "nothing ends"


async def test_what_was_not_applied_is_due_again(ports: Ports) -> None:
    tenant = new_tenant()
    await ports.retentions.store(tenant, RULES, NOW)
    taken = await ports.retentions.take(10, LONG)
    assert [one.tenant_id for one in taken] == [tenant]
    await ports.retentions.give_back(taken, LONG)
    assert await ports.retentions.take(10, LONG) == []
    await ports.retentions.give_back(taken, EXPIRED)
    assert await ports.retentions.take(10, LONG) == taken
    await ports.retentions.mark_applied(taken[0], {}, NOW, LONG)


async def test_old_events_are_removed_by_type(ports: Ports) -> None:
    tenant, other, idle = new_tenant(), new_tenant(), new_tenant()
    ages = {"viewed": (9, 11, 25), "login": (29, 31), "bought": (19, 21), "$identify": (28,)}
    events = [
        event("ada", name, at=to_ms(LATER) - age * DAY_MS, id=f"{name} {age}")
        for name, of_type in ages.items()
        for age in of_type
    ]
    for of_tenant in (tenant, other, idle):
        await ports.store_events(of_tenant, events)
    due = [
        TenantRetention(tenant_id=tenant, retention=RULES),
        TenantRetention(tenant_id=other, retention=Retention(None, {"bought": 1})),
    ]
    removed = await ports.expired_events.remove(due, LATER)
    assert removed[tenant] == {"viewed": 2, "login": 1, "bought": 1}
    assert removed[other] == {"bought": 2}
    assert {id: sum(counts.values()) for id, counts in (await ports.expired_events.remove(due, LATER)).items()} in (
        {},
        {tenant: 0, other: 0},
    )
    for of_tenant, left in ((tenant, 4), (other, 6), (idle, 8)):
        stored = await ports.users.events_of(of_tenant, Person("ada", ("ada",)))
        assert stored is not None
        assert sum(of_type.count for of_type in stored.event_types) == left
