"""The contracts of `Erasures`, `Suppressions`, `PersonStores` and `PersonRecords`."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from segops_common.core.clock import SystemClock
from segops_common.core.ids import SystemIds
from segops_language.values.instants import to_ms
from segops_membership.domain.identity.joins import Claim, Person
from segops_membership.domain.identity.merges import Resolution
from segops_membership.domain.members.changes import BEGINNING, ChangePosition
from segops_membership.domain.privacy.erasure import Erasure, ErasurePhase, ErasureStatus
from segops_membership.domain.privacy.exits import ErasedExit
from segops_membership.domain.privacy.records import ListEntry, MembershipChange
from segops_membership.domain.publication import Attempt, Difference
from segops_membership.ports.privacy.erasures import ErasureTaken
from segops_membership.service.privacy.people import MAX_IDS
from tests.contract.membership.conftest import Ports
from tests.contract.membership.rows import EXPIRED, LATER, LONG, number_users, outcome, portion, publish
from tests.corpus.builders import NOW, NOW_MS, event, new_tenant

IDS = SystemIds(SystemClock())
OPEN = 10
BEFORE = {"events": 3}
AFTER = {"events": 0}


async def added(ports: Ports, tenant: int, *user_ids: str, at_s: float = 0) -> Erasure:
    new = Erasure(
        tenant_id=tenant,
        id=IDS.uuid7(),
        subjects=tuple(f"hash of {user_id}" for user_id in user_ids),
        user_ids=user_ids,
        requested_by="user:1",
        created_at=NOW + timedelta(seconds=at_s),
    )
    assert await ports.erasures.add(tenant, new, max_open=OPEN)
    return new


async def end(ports: Ports, *erasures: Erasure) -> None:
    """Complete erasures, so that none is in the way of another test."""
    for erasure in erasures:
        await ports.erasures.complete(erasure.tenant_id, erasure.id, erasure.attempts, AFTER, NOW)


async def test_an_erasure_goes_from_pending_to_complete(ports: Ports) -> None:
    tenant = new_tenant()
    new = await added(ports, tenant, "ada", "bob")
    assert await ports.erasures.find(tenant, new.id) == new
    assert await ports.erasures.find(tenant + 1, new.id) is None
    (taken,) = await ports.erasures.take(LONG)
    assert taken == replace(new, status=ErasureStatus.RUNNING, attempts=1)
    await ports.erasures.mark_suppressed(tenant, new.id, NOW)
    await ports.erasures.mark_suppressed(tenant, new.id, NOW + timedelta(seconds=1))
    await ports.erasures.save_before(tenant, new.id, 1, BEFORE)
    await ports.erasures.renew(tenant, new.id, 1, ErasurePhase.DELETING, LONG)
    assert (await ports.erasures.find(tenant, new.id)) == replace(
        taken, suppressed_at=NOW, before=BEFORE, phase=ErasurePhase.DELETING
    )
    await end(ports, taken)
    complete = await ports.erasures.find(tenant, new.id)
    assert complete is not None
    assert (complete.status, complete.user_ids, complete.phase) == (ErasureStatus.COMPLETE, (), None)
    assert complete.receipt is not None
    assert (complete.receipt.before, complete.receipt.after) == (BEFORE, AFTER)
    with pytest.raises(ErasureTaken):
        await ports.erasures.renew(tenant, new.id, 1, None, LONG)


async def test_a_taken_erasure_gets_more_ids(ports: Ports) -> None:
    tenant = new_tenant()
    new = await added(ports, tenant, "ada")
    (taken,) = await ports.erasures.take(LONG)
    await ports.erasures.mark_suppressed(tenant, new.id, NOW)
    more = await ports.erasures.extend(taken, ["visitor"], ["hash of visitor"], BEFORE)
    assert (more.user_ids, more.suppressed_at) == (("ada", "visitor"), None)
    assert more.subjects == ("hash of ada", "hash of visitor")
    assert await ports.erasures.find(tenant, new.id) == more
    with pytest.raises(ErasureTaken):
        await ports.erasures.extend(replace(taken, attempts=2), ["other"], ["hash of other"], None)
    await end(ports, more)


async def test_an_erasure_is_added_once_for_a_subject(ports: Ports) -> None:
    tenant = new_tenant()
    new = await added(ports, tenant, "ada", "bob")
    again = replace(new, id=IDS.uuid7(), subjects=("hash of bob", "hash of eve"), user_ids=())
    await ports.erasures.add_unknown(again)
    await ports.erasures.add_unknown(replace(again, subjects=("hash of eve",)))
    assert await ports.erasures.subjects(tenant) == {"hash of ada", "hash of bob", "hash of eve"}
    assert await ports.erasures.count(tenant) == 2
    await end(ports, *await ports.erasures.take(LONG))


async def test_the_subjects_of_all_tenants_are_listed(ports: Ports) -> None:
    tenant, other = new_tenant(), new_tenant()
    await ports.suppressions.suppress(tenant, ["s", "t"], NOW)
    await ports.suppressions.lift(tenant, "t", NOW)
    await ports.suppressions.suppress(other, ["s"], NOW)
    await ports.suppressions.set_policy(other, "drop", NOW)
    everyone = await ports.suppressions.of_all_tenants()
    assert (everyone[tenant], everyone[other]) == ({"s", "t"}, {"s"})


@pytest.mark.parametrize("page", [1, 3, 100])
async def test_every_stored_id_is_listed(ports: Ports, page: int) -> None:
    tenant = new_tenant()
    await ports.store_events(tenant, [event(f"u{n}", "buy", id=f"e{n}") for n in range(7)])
    await ports.lists.store(tenant, [portion(tenant, 1, add=["listed"])])
    await ports.store_facts(
        tenant,
        [Claim("visitor", "ada", NOW_MS, "m1"), Claim("visitor", "bob", NOW_MS + 1, "m2")],
        [Resolution(1, NOW, "old", "new")],
    )
    ids = [id async for ids in ports.people.all_ids(tenant, page) for id in ids]
    named = {*(f"u{n}" for n in range(7)), "listed", "visitor", "ada", "bob", "old", "new"}
    assert set(ids) == named


async def test_many_people_are_deleted_at_once(ports: Ports) -> None:
    """As many ids as an erasure may have: no statement is too long."""
    tenant = new_tenant()
    numbers = await number_users(ports, tenant, "ada", "eve", at=to_ms(LATER))
    await ports.store_facts(tenant, [Claim("visitor", "ada", NOW_MS, "m")], [])
    first = Attempt(1, 1)
    await publish(ports, tenant, first, [outcome(42, [*numbers.values()])], number=1, as_of_ms=NOW_MS)
    user_ids = ["ada", "visitor", *(f"somebody with a long id {n}" for n in range(MAX_IDS - 2))]
    counts = await ports.people.count(tenant, user_ids)
    assert counts["segment_runs"] == 1
    own = [*await ports.people.numbers(tenant, user_ids), *range(10**6, 10**6 + MAX_IDS)]
    await ports.people.delete_events(tenant, user_ids)
    await ports.people.delete_members(tenant, user_ids, own)
    assert set((await ports.people.count(tenant, user_ids)).values()) == {0}
    assert await ports.people.attempts_with(tenant, [numbers["eve"]]) == [(42, first)]


async def test_exits_have_places_after_a_publication(ports: Ports) -> None:
    tenant = new_tenant()
    at, later = NOW, NOW + timedelta(days=1)
    first, second = ChangePosition(1, 11), ChangePosition(2, 12)
    ada, bob = (ErasedExit(user_id=user_id, segment_id=42, run_id=11, version=3) for user_id in ("ada", "bob"))
    await ports.exits.add(tenant, first, [ada, bob], at)
    await ports.exits.add(tenant, first, [bob, replace(bob, segment_id=43)], at)
    await ports.exits.add(tenant, second, [bob], later)
    every = await ports.exits.between(tenant, BEGINNING, ChangePosition(9, 9), limit=10)
    assert [(item.position.number, item.user_id, item.segment_id) for item in every] == [
        *((1, "ada", 42), (1, "bob", 42), (1, "bob", 43), (2, "bob", 42)),
    ]
    assert every[0] == ada.change(every[0].position, at)
    assert every == sorted(every, key=lambda item: item.position)
    assert first < every[0].position < ChangePosition(2, 12, -1)
    assert await ports.exits.between(tenant, every[0].position, every[2].position, limit=1) == every[1:2]
    amid = replace(second, key=7)
    assert await ports.exits.between(tenant, amid, ChangePosition(9, 9), limit=10) == every[3:]
    assert await ports.exits.between(tenant, first, second, limit=10, segment_id=43) == every[2:3]
    assert await ports.exits.end(tenant, first) == every[2].position
    assert await ports.exits.end(tenant, ChangePosition(3, 13)) == ChangePosition(3, 13)
    await ports.exits.forget(later)
    assert await ports.exits.between(tenant, BEGINNING, ChangePosition(9, 9), limit=10) == every[3:]


async def test_the_erasures_of_one_tenant_are_taken_together(ports: Ports) -> None:
    tenant, other = new_tenant(), new_tenant()
    first = await added(ports, tenant, "ada", at_s=-3)
    await added(ports, other, "ada", at_s=-2)
    second = await added(ports, tenant, "bob", at_s=-1)
    many = await added(ports, tenant, *(f"u{n}" for n in range(999)), at_s=1)
    taken = [await ports.erasures.take(LONG) for _ in range(4)]
    assert [[erasure.id for erasure in group] for group in taken[:1]] == [[first.id, second.id]]
    assert {erasure.tenant_id for erasure in taken[1]} == {other}
    assert [erasure.id for erasure in taken[2]] == [many.id]
    assert taken[3] == []
    await end(ports, *(erasure for group in taken for erasure in group))


async def test_what_a_silent_worker_has_taken_is_taken_again(ports: Ports) -> None:
    tenant = new_tenant()
    await added(ports, tenant, "ada")
    (first,) = await ports.erasures.take(EXPIRED)
    (second,) = await ports.erasures.take(LONG)
    assert (second.id, second.attempts) == (first.id, 2)
    with pytest.raises(ErasureTaken):
        await ports.erasures.put_back(tenant, first.id, 1, EXPIRED)
    await ports.erasures.put_back(tenant, first.id, 2, LONG)
    assert await ports.erasures.take(LONG) == [], "it is not due"
    await end_later(ports, tenant)


async def end_later(ports: Ports, tenant: int) -> None:
    """Check that an erasure which waits counts as open: nothing can take it any more in this test."""
    assert await ports.erasures.count(tenant) == 1


async def test_a_tenant_has_a_bounded_number_of_open_ones(ports: Ports) -> None:
    tenant = new_tenant()
    new = await added(ports, tenant, "ada")
    assert not await ports.erasures.add(tenant, replace(new, id=IDS.uuid7()), max_open=1)
    await end(ports, *await ports.erasures.take(LONG))
    assert await ports.erasures.add(tenant, replace(new, id=IDS.uuid7()), max_open=1)
    assert await ports.erasures.count(tenant) == 2
    newest, oldest = await ports.erasures.page(tenant, before=None, limit=5)
    assert oldest.id == new.id
    assert [erasure.id for erasure in await ports.erasures.page(tenant, before=newest.id, limit=5)] == [new.id]
    assert [erasure.id for erasure in await ports.erasures.page(tenant, before=None, limit=5, offset=1)] == [new.id]
    await end(ports, *await ports.erasures.take(LONG))


async def test_suppressions_are_lifted_and_made_again(ports: Ports) -> None:
    tenant, later = new_tenant(), NOW + timedelta(hours=1)
    assert await ports.suppressions.find(tenant, "s") is None
    await ports.suppressions.suppress(tenant, ["s", "t"], NOW)
    assert await ports.suppressions.suppressed(tenant) == {"s", "t"}
    assert await ports.suppressions.suppressed(tenant + 1) == frozenset()
    await ports.suppressions.lift(tenant, "s", later)
    lifted = await ports.suppressions.find(tenant, "s")
    assert lifted is not None
    assert lifted.lifted_at == later
    assert await ports.suppressions.suppressed(tenant) == {"t"}
    await ports.suppressions.suppress(tenant, ["s"], later)
    again = await ports.suppressions.find(tenant, "s")
    assert again is not None
    assert (again.since, again.lifted_at) == (later, None)


async def test_the_policy_is_to_refuse_unless_chosen(ports: Ports) -> None:
    tenant = new_tenant()
    assert await ports.suppressions.policy(tenant) == "refuse"
    await ports.suppressions.set_policy(tenant, "drop", NOW)
    assert await ports.suppressions.policy(tenant) == "drop"
    assert await ports.suppressions.policy(tenant + 1) == "refuse"
    assert await ports.suppressions.suppressed(tenant) == frozenset()


async def test_people_are_deleted_from_every_table(ports: Ports) -> None:
    tenant = new_tenant()
    numbers = await number_users(ports, tenant, "ada", "bob", "eve", at=to_ms(LATER))
    ada, bob, eve = (numbers[user_id] for user_id in ("ada", "bob", "eve"))
    await ports.lists.store(tenant, [portion(tenant, 1, add=["ada", "bob"])])
    first, second = Attempt(1, 1), Attempt(2, 1)
    await publish(ports, tenant, first, [outcome(42, [ada, bob], entered=[ada, bob])], number=1, as_of_ms=NOW_MS)
    unreported = Difference(outcome(1, [ada, eve]).members, outcome(1, [bob]).members)
    changed = outcome(42, [bob, eve], entered=[eve], exited=[ada], unreported=unreported)
    await publish(ports, tenant, second, [changed], number=2, as_of_ms=NOW_MS + 1)
    assert await ports.records.changes_of(tenant, "ada", after=0, limit=1) == [
        MembershipChange(segment_id=42, run_id=1, change="entered", as_of_ms=NOW_MS)
    ]
    (last,) = await ports.records.changes_of(tenant, "ada", after=1, limit=5)
    assert (last.run_id, last.change) == (2, "exited")
    assert await ports.records.list_entries_of(tenant, "ada") == [ListEntry(segment_id=7, list_version=1)]
    assert await ports.records.letters_of(tenant, "ada", after=0, limit=5) in ([], ())

    counts = await ports.people.count(tenant, ["ada"])
    counted = ("events", "static_members", "membership_changes", "profiles", "segment_runs")
    assert [counts[name] for name in counted] == [1, 1, 2, 1, 2]
    own = await ports.people.numbers(tenant, ["ada", "nobody"])
    assert list(own) == [ada]
    assert list(await ports.people.attempts_with(tenant, own)) == [(42, first)]
    for _ in range(2):  # each step can be repeated after a crash
        await ports.people.delete_events(tenant, ["ada"])
        await ports.people.delete_members(tenant, ["ada"], own)
        own = await ports.people.numbers(tenant, ["ada"])
    assert set((await ports.people.count(tenant, ["ada"])).values()) == {0}
    assert list(await ports.people.attempts_with(tenant, [ada])) == []
    others = await ports.people.count(tenant, ["bob", "eve"])
    assert [others[name] for name in counted] == [2, 1, 2, 2, 2]
    assert await ports.users.events_of(tenant, Person("ada", ("ada",))) is None
    assert await ports.users.memberships_of(tenant, "ada") == {}


async def test_the_same_id_of_another_tenant_stays(ports: Ports) -> None:
    tenant, other = new_tenant(), new_tenant()
    for tenant_id in (tenant, other):
        await number_users(ports, tenant_id, "ada", at=to_ms(LATER))
        await ports.store_events(tenant_id, [event("ada", id="second", at=to_ms(LATER))])
    await ports.people.delete_events(tenant, ["ada"])
    await ports.people.delete_members(tenant, ["ada"], await ports.people.numbers(tenant, ["ada"]))
    assert (await ports.people.count(tenant, ["ada"]))["events"] == 0
    counts = await ports.people.count(other, ["ada"])
    assert (counts["events"], counts["profiles"]) == (2, 1)
