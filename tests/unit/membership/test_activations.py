"""Deliveries of activations, on memory adapters: in order, once for each confirmation, through crashes."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from random import Random

import pytest

from segops_common.contracts.jobs import IngestLag
from segops_membership.domain.activations.activation import Settings, Status, retry_delay_s
from segops_membership.domain.members.changes import BEGINNING
from segops_membership.ports.activations.sender import Answer
from segops_membership.service.activations.deliver import MAX_AT_ONCE_OF_A_TENANT
from tests.corpus.builders import event, job
from tests.unit.membership.activating import BOUGHT, SECRET, World
from tests.unit.membership.api import IN, SEGMENT, slug
from tests.unit.membership.harness import TENANT, Crash

OTHER = 7


async def test_a_secret_is_never_shown_and_a_shown_one_changes_nothing(world: World) -> None:
    path = await world.create()
    shown = await world.show(path)
    assert (shown["config"]["secret"], shown["status"], shown["last_synced_at"]) == ("***", "inactive", None)
    assert SECRET not in json.dumps(shown)
    await world.patch(path, config=shown["config"], status="active")
    await world.run("cyd")
    await world.work()
    assert world.receiver.requests
    assert (await world.patch(path, config={"secret": None}))["config"]["secret"] is None


async def test_each_change_is_sent_signed_and_in_order(world: World) -> None:
    path = await world.started()
    await world.run("cyd")
    await world.run("dan", definition=BOUGHT, version=2)
    await world.run()
    await world.later(3)
    assert [body["event"] for _, body in world.receiver.requests] == [
        "segment.entered",
        "segment.recomputed",
    ]
    headers, body = world.receiver.requests[0]
    assert {name: body[name] for name in ("tenant_slug", "segment_id", "user_ids", "reason", "version", "run_id")} == {
        "tenant_slug": "1",
        "segment_id": SEGMENT,
        "user_ids": ["cyd"],
        "reason": "run",
        "version": 1,
        "run_id": "2",
    }
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode()
    raw = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    expected = hmac.new(b"0123456789abcdef01234567", signed + raw, hashlib.sha256).digest()
    assert headers["webhook-signature"] == "v1," + base64.b64encode(expected).decode()
    shown = await world.show(path)
    # The next run emptied the segment: somebody has to decide.
    assert (shown["held"]["reason"], shown["held"]["size_before"], shown["held"]["exited"]) == ("emptied", 3, 3)
    assert (await world.api.post(f"{path}sync/", None, "ApiKey writes")).status_code == 409


async def test_the_documented_body_is_sent_once_for_each_complete_run(world: World) -> None:
    await world.started(config={"url": "https://hooks.example.com/", "secret": SECRET})
    await world.run("cyd", lag=IngestLag(positions=1, seconds=1.0))
    await world.work()
    assert world.receiver.requests == []
    await world.run("dan")
    await world.later(3)
    ((_, body),) = world.receiver.requests
    documented = {"event", "tenant_slug", "segment_id", "segment_name", "member_count", "computed_at"}
    assert documented <= body.keys()
    assert (body["event"], body["member_count"], body["segment_name"]) == (
        "segment.recomputed",
        4,
        f"Segment {SEGMENT}",
    )


async def test_a_receiver_rebuilds_the_members_through_failures_and_crashes(world: World) -> None:
    path = await world.started(max_change_share=None)
    answer = await world.api.post(f"{path}replay/", {"start": "beginning"}, "ApiKey writes")
    assert answer.status_code == 200, answer.text
    random = Random(5)
    for number in range(12):
        definition = random.choice([IN, IN, BOUGHT])
        world.api.membership.store(event(f"user-{number}", "purchase"))
        users = random.sample([f"user-{n}" for n in range(40)], 7)
        await world.run(*users, definition=definition)
        world.receiver.status = random.choice([200, 200, 500, None, 302])
        world.api.membership.faults.armed = random.choice(
            [None, "before_delivery", "after_delivery", "before_position"]
        )
        activation = await world.deliver.take()
        if activation is not None:
            try:
                await world.deliver.deliver(activation)
            except Crash:
                world.api.membership.clock.advance(61)
    world.receiver.status, world.api.membership.faults.armed = 200, None
    for _ in range(60):
        await world.later(4_000)
    expected = world.api.membership.succeeded()
    assert len(world.receiver.members) == expected.segments[0].size
    assert world.receiver.sizes[-1] == expected.segments[0].size
    assert len(world.receiver.requests) > len(world.receiver.confirmed), "something was sent again"


async def test_a_failing_receiver_is_retried_with_growing_delays_and_then_disabled(world: World) -> None:
    path = await world.started()
    world.receiver.status = 500
    await world.run("cyd")
    await world.later(3)
    shown = await world.show(path)
    assert (shown["status"], shown["failures"], shown["last_error"][:4]) == ("active", 1, "500:")
    for _ in range(30):
        await world.later(3_601)
    assert (await world.show(path))["status"] == "active"
    for _ in range(60):
        await world.later(3_601)
    shown = await world.show(path)
    assert (shown["status"], shown["last_synced_at"]) == ("disabled", None)
    requests = len(world.receiver.requests)
    await world.later(10**6)
    assert len(world.receiver.requests) == requests
    ids = {headers["webhook-id"] for headers, _ in world.receiver.requests}
    assert len(ids) == 1, "a repetition has the same id"
    world.receiver.status = 200
    shown = await world.patch(path, status="active")
    assert (shown["failures"], shown["last_error"]) == (0, None)
    await world.work()
    assert world.receiver.members == {"cyd"}


@pytest.mark.parametrize(("asked_s", "waits_s"), [(900.0, 900.0), (90_000.0, 3_600.0), (0.5, 2.5)])
async def test_a_receiver_says_when_to_try_again(world: World, asked_s: float, waits_s: float) -> None:
    """It is left alone for as long as it asks for, at most an hour and never shorter than without a wish."""
    await world.started()
    world.receiver.status, world.receiver.retry_after_s = 503, asked_s
    await world.run("cyd")
    await world.later(3)
    world.receiver.status = 200
    await world.later(waits_s - 0.1)
    assert len(world.receiver.requests) == 1
    await world.later(2.6)
    assert world.receiver.members == {"cyd"}


def test_delays_double_up_to_an_hour() -> None:
    assert [retry_delay_s(failures) for failures in (1, 2, 3, 10, 11, 10_000)] == [5, 10, 20, 2_560, 3_600, 3_600]


async def test_a_receiver_that_is_gone_is_disabled_at_once(world: World) -> None:
    path = await world.started()
    world.receiver.status = 410
    await world.run("cyd")
    await world.later(3)
    assert ((await world.show(path))["status"], len(world.receiver.requests)) == ("disabled", 1)


async def test_sync_does_not_wait_for_the_next_try(world: World) -> None:
    path = await world.started()
    world.receiver.status = None
    await world.run("cyd")
    await world.later(3)
    await world.work()
    assert len(world.receiver.requests) == 1
    world.receiver.status = 200
    answer = await world.api.post(f"{path}sync/", None, "ApiKey writes")
    assert (answer.status_code, answer.json()) == (202, {"status": "queued"})
    await world.work()
    assert world.receiver.members == {"cyd"}
    logs = await world.logs(path)
    assert [(item["status"], item["response_status"], item["changes"]) for item in logs] == [
        ("succeeded", 200, 0),
        ("succeeded", 200, 1),
        ("failed", None, 1),
    ]
    assert logs[1]["delivery_id"] == logs[2]["delivery_id"]
    inactive = await world.create()
    assert slug(await world.api.post(f"{inactive}sync/", None, "ApiKey writes")) == (409, "activation-not-active")


async def test_a_test_is_sent_for_an_inactive_activation(world: World) -> None:
    path = await world.create()
    answer = await world.api.post(f"{path}test/", None, "ApiKey writes")
    assert answer.status_code == 202
    await world.work()
    ((headers, body),) = world.receiver.requests
    assert (body["event"], headers["webhook-id"]) == ("test", answer.json()["delivery_id"])
    ((item),) = await world.logs(path)
    assert (item["delivery_id"], item["event"], item["run_id"]) == (answer.json()["delivery_id"], "test", None)
    await world.later(100)
    assert len(world.receiver.requests) == 1


@pytest.mark.parametrize("decision", ["approve", "discard"])
async def test_a_run_that_changes_much_waits_for_a_decision(world: World, decision: str) -> None:
    path = await world.started(max_change_share=0.5)
    await world.run("cyd")
    await world.later(3)
    assert world.receiver.members == {"cyd"}
    await world.run(*(f"user-{number}" for number in range(5)))
    await world.run("late")
    await world.later(3)
    assert world.receiver.members == {"cyd"}
    shown = await world.show(path)
    assert (shown["held"]["reason"], shown["held"]["size"]) == ("large-change", 8)
    assert slug(await world.api.post(f"{path}sync/", None, "ApiKey writes")) == (409, "activation-held")
    answer = await world.api.post(f"{path}{decision}/", None, "ApiKey writes")
    assert (answer.status_code, answer.json()["held"]) == (200, None)
    await world.later(3)
    missing = {f"user-{number}" for number in range(5)}
    everyone = {"cyd", "late", *missing}
    assert world.receiver.members == (everyone if decision == "approve" else everyone - missing)
    assert slug(await world.api.post(f"{path}{decision}/", None, "ApiKey writes")) == (409, "nothing-held")


async def test_a_replay_sends_again_under_the_same_ids(world: World) -> None:
    path = await world.started()
    cursor = (await world.api.get("/api/segments/changes/", start="now")).json()["next_cursor"]
    await world.run("cyd")
    await world.later(3)
    first = [headers["webhook-id"] for headers, _ in world.receiver.requests]
    for body in ({"cursor": cursor}, {"from_run": 2}, {"from_run": "2"}):
        world.receiver.requests.clear()
        answer = await world.api.post(f"{path}replay/", body, "ApiKey writes")
        assert answer.status_code == 200, answer.text
        await world.work()
        assert [headers["webhook-id"] for headers, _ in world.receiver.requests] == first
    await world.api.post(f"{path}replay/", {"start": "beginning"}, "ApiKey writes")
    world.receiver.members.clear()
    world.receiver.confirmed.clear()
    await world.work()
    assert world.receiver.members == {"ada", "bob", "cyd"}
    for body in (
        {},
        {"start": "now", "from_run": 2},
        {"cursor": "x"},
        {"from_run": 99},
        {"from_run": "x"},
        {"from_run": "²"},
        {"start": "later"},
    ):
        assert (await world.api.post(f"{path}replay/", body, "ApiKey writes")).status_code in (400, 404, 422)


async def test_tenants_take_turns(world: World) -> None:
    for _ in range(6):
        await world.started()
    taken = [await world.deliver.take() for _ in range(5)]
    assert [activation is not None for activation in taken] == [True] * 4 + [False]
    assert taken[0] is not None
    await world.deliver.deliver(taken[0])
    assert await world.deliver.take() is not None


async def test_a_slow_receiver_of_one_tenant_delays_nobody_else(world: World) -> None:
    membership, answers = world.api.membership, asyncio.Event()
    arrived: dict[int, list[str]] = {TENANT: [], OTHER: []}

    async def receive(url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        tenant = int(url.rpartition("/")[2])
        arrived[tenant].append(headers["webhook-id"])
        if tenant == TENANT:
            await answers.wait()
        return Answer(200, 5)

    world.sender.receiver = receive
    for tenant in (TENANT, OTHER):
        membership.warehouse.tenant(tenant).add_events([event("ann"), event("bob")])
        await membership.compute.run(job(tenant, 9, {SEGMENT: IN}))
        for _ in range(MAX_AT_ONCE_OF_A_TENANT + 2):
            await _active(world, tenant)
    stop = asyncio.Event()
    working = asyncio.create_task(world.deliver.run(stop))
    async with asyncio.timeout(60):
        while len(arrived[OTHER]) < MAX_AT_ONCE_OF_A_TENANT + 2:
            await asyncio.sleep(0.01)
    assert len(arrived[TENANT]) == MAX_AT_ONCE_OF_A_TENANT, "the slow one has its share, and no more"
    answers.set()
    stop.set()
    await working


async def _active(world: World, tenant: int) -> None:
    """Add an activation that sends to `…/<tenant>` all that was ever changed."""
    store, now = world.api.membership.activations, world.api.membership.clock.now()
    settings = Settings(url=f"https://hooks.example.com/{tenant}")
    new = await store.add(tenant, SEGMENT, "webhook", "acme", settings, now, limit=99)
    assert new is not None
    await store.change(tenant, new.id, settings, Status.ACTIVE, BEGINNING, now)
