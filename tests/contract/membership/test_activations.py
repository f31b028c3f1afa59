"""The contract of `Activations`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from segops_membership.domain.activations.activation import (
    Activation,
    Delivery,
    DeliveryFigures,
    EventName,
    Hold,
    HoldReason,
    HttpRequest,
    Settings,
    Status,
)
from segops_membership.domain.members.changes import ChangePosition
from segops_membership.ports.activations.store import ActivationTaken
from tests.contract.membership.conftest import Ports
from tests.contract.membership.rows import EXPIRED, LONG
from tests.corpus.builders import NOW, new_tenant

SEGMENT = 42
SETTINGS = Settings(
    description="d",
    url="https://hooks.example.com/",
    events=(EventName.ENTERED, EventName.EXITED),
    max_change_share=0.5,
    secret="s\u00e9cret",
    consent="consent.marketing",
    request=HttpRequest(
        method="PUT",
        headers=(("X-One", "1"), ("Authorization", "Bearer {{secret}}")),
        template={"users": {"{{#users}}": "{{user_id}}"}, "n": [1, 2.5, None, True]},
        batch_size=75,
    ),
)
PLACE = ChangePosition(3, 12, 2**64 - 1, 7)
HOLD = Hold(4, 13, HoldReason.EMPTIED, 9, 0, 0, 9)


async def added(ports: Ports, tenant: int, segment: int = SEGMENT) -> Activation:
    new = await ports.activations.add(tenant, segment, "webhook", "acme", SETTINGS, NOW, limit=10)
    assert new is not None
    return new


def delivery(changes: int, response: str) -> Delivery:
    """Return an entry of the log."""
    return Delivery(
        id=0,
        delivery_id="msg_1",
        event="segment.entered",
        run_id=12,
        changes=changes,
        is_success=True,
        status_code=200,
        duration_ms=5,
        error=None,
        response=response,
        at=NOW,
    )


async def test_responses_to_requests_with_ids_can_be_cut(ports: Ports) -> None:
    """The one without ids stays, and so do the entries."""
    tenant, other = new_tenant(), new_tenant()
    one, foreign = await added(ports, tenant), await added(ports, other)
    for activation in (one, foreign):
        await ports.activations.log(activation.tenant_id, activation.id, delivery(2, "thanks for ada"))
        await ports.activations.log(activation.tenant_id, activation.id, delivery(0, "thanks"))
    assert (await ports.responses.count(tenant), await ports.responses.count(other)) == (1, 1)
    await ports.responses.cut(tenant)
    assert (await ports.responses.count(tenant), await ports.responses.count(other)) == (0, 1)
    kept = await ports.activations.deliveries(tenant, one.id, before=2**62, limit=5)
    assert [(item.changes, item.response) for item in kept] == [(0, "thanks"), (2, "")]


async def started(ports: Ports, tenant: int) -> Activation:
    """Return an active activation that nobody has taken."""
    one = await added(ports, tenant)
    await ports.activations.change(tenant, one.id, SETTINGS, Status.ACTIVE, PLACE, NOW)
    return await stored(ports, one)


async def stored(ports: Ports, one: Activation) -> Activation:
    activation = await ports.activations.find([one.tenant_id], one.id)
    assert activation is not None
    return activation


async def taken(ports: Ports, lease: timedelta = LONG) -> Activation:
    """Take the next one. Tests leave none behind that is due."""
    one = await ports.activations.take(lease, ())
    assert one is not None
    return one


@pytest.fixture
async def ended(ports: Ports) -> AsyncIterator[list[Activation]]:
    """Activations that are removed at the end, so none is in the way of another test."""
    ones: list[Activation] = []
    yield ones
    for one in ones:
        await ports.activations.remove(one.tenant_id, one.id)


async def test_an_activation_is_found_as_it_was_added(ports: Ports) -> None:
    tenant, other = new_tenant(), new_tenant()
    new = await added(ports, tenant)
    assert (new.status, new.position, new.settings) == (Status.INACTIVE, None, SETTINGS)
    assert await ports.activations.find([other, tenant], new.id) == new
    assert await ports.activations.find([other], new.id) is None
    assert await ports.activations.find([], new.id) is None
    assert await ports.activations.add(tenant, SEGMENT, "webhook", "acme", SETTINGS, NOW, limit=1) is None


async def test_activations_are_listed_by_id(ports: Ports) -> None:
    tenant, other = new_tenant(), new_tenant()
    ids = [(await added(ports, one, segment)).id for one, segment in ((tenant, 1), (other, 2), (tenant, 2))]

    async def listed(
        tenants: list[int], segment: int | None = None, after: int = 0, limit: int = 9, skip: int = 0
    ) -> list[int]:
        page = await ports.activations.of_tenants(tenants, segment_id=segment, after=after, limit=limit, offset=skip)
        return [one.id for one in page]

    assert await listed([tenant, other]) == ids
    assert await listed([tenant]) == [ids[0], ids[2]]
    assert await listed([tenant, other], 2) == ids[1:]
    assert await listed([tenant, other], after=ids[0], limit=1) == ids[1:2]
    assert await listed([tenant, other], skip=2) == ids[2:]
    assert await listed([]) == []
    counts = [
        await ports.activations.count(*key[:1], segment_id=key[1]) for key in (([tenant, other], None), ([tenant], 2))
    ]
    assert counts == [3, 1]


async def test_what_is_active_and_due_is_taken_once(ports: Ports, ended: list[Activation]) -> None:
    tenant = new_tenant()
    one = await started(ports, tenant)
    ended.append(one)
    assert await ports.activations.take(LONG, [tenant]) is None
    held = await taken(ports)
    assert (held.id, held.position, held.attempt) == (one.id, PLACE, one.attempt + 1)
    assert await ports.activations.take(LONG, ()) is None
    await ports.activations.release(tenant, one.id, held.attempt, LONG)
    assert await ports.activations.take(LONG, ()) is None
    await ports.activations.hurry(tenant, one.id)
    assert (await taken(ports)).id == one.id


async def test_a_silent_process_is_followed_and_can_do_no_more(ports: Ports, ended: list[Activation]) -> None:
    tenant = new_tenant()
    one = await started(ports, tenant)
    ended.append(one)
    silent = await taken(ports, EXPIRED)
    following = await taken(ports)
    assert following.id == silent.id
    key = (tenant, one.id, silent.attempt)
    calls: list[Callable[[], Awaitable[None]]] = [
        lambda: ports.activations.renew(*key, LONG),
        lambda: ports.activations.advance(*key, PLACE, 1, NOW),
        lambda: ports.activations.end_test(*key),
        lambda: ports.activations.fail(*key, "no", NOW, LONG, disable=False),
        lambda: ports.activations.hold(*key, HOLD),
        lambda: ports.activations.release(*key, LONG),
    ]
    for call in calls:
        with pytest.raises(ActivationTaken):
            await call()
    await ports.activations.renew(tenant, one.id, following.attempt, LONG)
    # A change of the settings ends the lease too.
    await ports.activations.change(tenant, one.id, SETTINGS, Status.INACTIVE, PLACE, NOW)
    with pytest.raises(ActivationTaken):
        await ports.activations.renew(tenant, one.id, following.attempt, LONG)


async def test_progress_and_failures_are_stored(ports: Ports, ended: list[Activation]) -> None:
    tenant = new_tenant()
    one = await started(ports, tenant)
    ended.append(one)
    failing = (await ports.activations.statistics()).failing
    for failures in (1, 2):
        held = await taken(ports)
        await ports.activations.fail(tenant, one.id, held.attempt, "no", NOW, timedelta(), disable=False)
        now = await stored(ports, one)
        assert (now.failures, now.failing_since, now.last_error, now.status) == (failures, NOW, "no", Status.ACTIVE)
    statistics = await ports.activations.statistics()
    assert statistics.failing == failing + 1
    assert statistics.overdue_s >= 0
    held = await taken(ports)
    await ports.activations.advance(tenant, one.id, held.attempt, replace(PLACE, key=5), 9, NOW)
    await ports.activations.advance(tenant, one.id, held.attempt, replace(PLACE, key=6), 8, None)
    now = await stored(ports, one)
    assert (now.position, now.sent_size, now.last_synced_at) == (replace(PLACE, key=6), 8, NOW)
    assert (now.failures, now.failing_since, now.last_error) == (0, None, None)
    await ports.activations.fail(tenant, one.id, held.attempt, "never", NOW, timedelta(), disable=True)
    assert (await stored(ports, one)).status is Status.DISABLED
    assert await ports.activations.take(LONG, ()) is None


async def test_a_hold_waits_for_a_decision(ports: Ports, ended: list[Activation]) -> None:
    tenant = new_tenant()
    one = await started(ports, tenant)
    ended.append(one)
    after = ChangePosition(4, 13)
    for position in (None, after):
        held = await taken(ports)
        await ports.activations.hold(tenant, one.id, held.attempt, HOLD)
        assert (await stored(ports, one)).hold == HOLD
        assert await ports.activations.take(LONG, ()) is None
        assert not await ports.activations.decide(tenant, one.id, 5, position)
        assert not await ports.activations.decide(new_tenant(), one.id, 4, position)
        assert await ports.activations.decide(tenant, one.id, 4, position)
        now = await stored(ports, one)
        assert (now.hold, now.approved_number, now.position) == (None, 4, position or PLACE)
        assert now.sent_size == (None if position is None else HOLD.size)


async def test_a_test_is_taken_whatever_the_status(ports: Ports, ended: list[Activation]) -> None:
    tenant = new_tenant()
    one = await added(ports, tenant)
    ended.append(one)
    assert await ports.activations.take(LONG, ()) is None
    await ports.activations.hurry(tenant, one.id, "abc")
    held = await taken(ports)
    assert (held.id, held.test_id) == (one.id, "abc")
    await ports.activations.end_test(tenant, one.id, held.attempt)
    await ports.activations.release(tenant, one.id, held.attempt, timedelta())
    assert await ports.activations.take(LONG, ()) is None


async def test_another_position_forgets_the_size_that_was_sent(ports: Ports, ended: list[Activation]) -> None:
    tenant = new_tenant()
    one = await started(ports, tenant)
    ended.append(one)
    held = await taken(ports)
    for left_out in (2, 3):
        await ports.activations.advance(tenant, one.id, held.attempt, PLACE, 9, NOW, left_out=left_out)
    counts = []
    for position in (PLACE, ChangePosition(1, 1)):
        await ports.activations.change(tenant, one.id, SETTINGS, Status.ACTIVE, position, NOW)
        now = await stored(ports, one)
        counts.append((now.sent_size, now.left_out))
    assert counts == [(9, 5), (None, 0)]


async def test_the_log_has_the_newest_delivery_first(ports: Ports) -> None:
    tenant = new_tenant()
    one = await added(ports, tenant)
    deliveries = [
        Delivery(
            id=0,
            delivery_id=f"msg_{number}",
            event="test",
            run_id=number or None,
            changes=number,
            is_success=number == 0,
            status_code=None if number else 200,
            duration_ms=5,
            error="no" if number else None,
            response="\ufffd",
            at=NOW + timedelta(seconds=number),
            left_out=number,
        )
        for number in range(3)
    ]
    for delivery in deliveries:
        await ports.activations.log(tenant, one.id, delivery)
    every = await ports.activations.deliveries(tenant, one.id, before=2**63 - 1, limit=9)
    assert [item.delivery_id for item in every] == ["msg_2", "msg_1", "msg_0"]
    assert replace(every[0], id=0) == deliveries[-1]
    figures = await ports.activations.figures(tenant, 2)
    assert figures == {one.id: DeliveryFigures(count=3, succeeded=1, newest=tuple(every[:2]))}
    assert await ports.activations.figures(new_tenant(), 2) == {}
    page = await ports.activations.deliveries(tenant, one.id, before=every[0].id, limit=1)
    assert page == every[1:2]
    assert await ports.activations.deliveries(new_tenant(), one.id, before=2**63 - 1, limit=9) == []
    await ports.activations.forget_deliveries(NOW + timedelta(seconds=2))
    assert await ports.activations.deliveries(tenant, one.id, before=2**63 - 1, limit=9) == every[:1]
    await ports.activations.remove(new_tenant(), one.id)
    assert await ports.activations.find([tenant], one.id) is not None
    await ports.activations.remove(tenant, one.id)
    assert await ports.activations.find([tenant], one.id) is None
    assert await ports.activations.deliveries(tenant, one.id, before=2**63 - 1, limit=9) == []
