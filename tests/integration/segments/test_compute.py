"""Requesting runs over HTTP, and what becomes of them."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.contracts.jobs import (
    ComputeJob,
    ComputeResult,
    ComputeResultMessage,
    RunCounts,
    RunProblem,
    SegmentResult,
)
from segops_common.contracts.topics import COMPUTE_JOBS, SEGMENTS
from segops_common.core.clock import SystemClock
from segops_common.core.faults import NO_FAULTS
from segops_common.streams.memory import MemoryEventLog
from segops_language import Group
from segops_segments.adapters.postgres.outbox import PostgresOutbox
from segops_segments.adapters.postgres.tables import outbox
from segops_segments.service.outbox_relay import OutboxRelay
from segops_segments.service.request_runs import RunService
from tests.integration.segments.requests import OWNER, PRICING, STARTER, Json, create, slug


@pytest.fixture
async def path(client: httpx.AsyncClient) -> str:
    """The path of a new segment with a definition."""
    return f"/api/segments/{(await create(client, definition=PRICING))['id']}/"


async def compute(client: httpx.AsyncClient, path: str, **body: object) -> int:
    answer = await client.post(f"{path}compute/", json=body or None, headers=OWNER)
    assert answer.status_code == 202, answer.text
    return int(answer.json()["run_id"])


async def run(client: httpx.AsyncClient, path: str, run_id: int) -> Json:
    answer = await client.get(f"{path}runs/{run_id}/", headers=OWNER)
    assert answer.status_code == 200
    found: Json = answer.json()
    return found


async def relay_everything(engine: AsyncEngine) -> list[ComputeJob]:
    """Send all that waits in the outbox; the jobs among it."""
    clock = SystemClock()
    log = MemoryEventLog(clock=clock)
    await log.ensure_topics([COMPUTE_JOBS, SEGMENTS])
    relay = OutboxRelay(outbox=PostgresOutbox(engine=engine), log=log, clock=clock, faults=NO_FAULTS)
    while await relay.relay():
        pass
    jobs = []
    for partition in range(COMPUTE_JOBS.partitions):
        records = await log.tail(COMPUTE_JOBS, partition, 10_000)
        jobs += [ComputeJob.model_validate_json(record.value) for record in records]
    return jobs


def result(run_id: int, status: str, at: datetime, **more: object) -> ComputeResult:
    values = {"run_id": run_id, "tenant_id": 1, "status": status, "at": at, **more}
    return ComputeResultMessage.model_validate(values).root


async def test_a_run_is_queued_with_all_that_a_worker_needs(
    client: httpx.AsyncClient, engine: AsyncEngine, path: str
) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    run_id = await compute(client, path)
    shown = await run(client, path, run_id)
    assert (shown["status"], shown["requested_by"], shown["size"]) == ("queued", "user:1", None)
    job = next(job for job in await relay_everything(engine) if job.run_id == run_id)
    assert (job.tenant_id, job.requested_by) == (1, "user:1")
    assert [json.loads(each.definition.model_dump_json()) for each in job.segments] == [PRICING]
    assert before <= job.as_of <= datetime.now(UTC)
    assert job.as_of == datetime.fromisoformat(shown["as_of"])


async def test_several_segments_are_computed_by_one_run(client: httpx.AsyncClient, engine: AsyncEngine) -> None:
    ids = sorted([(await create(client, definition=definition))["id"] for definition in (PRICING, STARTER, PRICING)])
    body = {"tenant": 1, "segment_ids": ids[::-1]}
    answer = await client.post("/api/segments/compute/", json=body, headers=OWNER)
    assert answer.status_code == 202, answer.text
    assert answer.json()["status"] == "queued"
    (shared,) = answer.json()["runs"]
    assert shared["segment_ids"] == ids
    run_id = int(shared["run_id"])
    shown = [await run(client, f"/api/segments/{each}/", run_id) for each in ids]
    assert [(each["segment_id"], each["status"]) for each in shown] == [(each, "queued") for each in ids]
    assert len({each["as_of"] for each in shown}) == 1
    jobs = [job for job in await relay_everything(engine) if job.run_id == run_id]
    assert [[segment.id for segment in job.segments] for job in jobs] == [ids]


@pytest.mark.parametrize(
    ("body", "status", "path"),
    [
        ({"tenant": 1, "segment_ids": [10**15]}, 422, "segment_ids.0"),
        ({"tenant": 1, "segment_ids": []}, 422, "segment_ids"),
        ({"tenant": 1, "segment_ids": list(range(1, 1002))}, 422, "segment_ids"),
        ({"tenant": 1, "segment_ids": None}, 422, "segment_ids"),
        ({"tenant": 1, "as_of": "2999-01-01T00:00:00Z"}, 422, "as_of"),
        ({"segment_ids": [1]}, 422, "tenant"),
    ],
)
async def test_what_cannot_be_computed_together_is_named(
    client: httpx.AsyncClient, body: Json, status: int, path: str
) -> None:
    answer = await client.post("/api/segments/compute/", json=body, headers=OWNER)
    assert answer.status_code == status, answer.text
    assert [fault["path"] for fault in answer.json()["errors"]] == [path]


async def test_without_a_definition_the_run_is_of_nobody(client: httpx.AsyncClient, engine: AsyncEngine) -> None:
    segment = await create(client)
    assert segment["definition"] == {"logic": "OR", "conditions": []}
    run_id = await compute(client, f"/api/segments/{segment['id']}/")
    job = next(job for job in await relay_everything(engine) if job.run_id == run_id)
    assert [(each.version, each.definition) for each in job.segments] == [(1, Group(logic="OR", conditions=()))]


async def test_a_later_request_moves_a_run_that_nobody_has_seen(
    client: httpx.AsyncClient, engine: AsyncEngine, path: str
) -> None:
    first = await compute(client, path)
    as_of = (await run(client, path, first))["as_of"]
    await client.patch(path, json={"definition": STARTER}, headers=OWNER)
    await asyncio.sleep(0.002)
    assert await compute(client, path) == first
    jobs = [job for job in await relay_everything(engine) if job.run_id == first]
    assert len(jobs) == 1
    assert jobs[0].as_of > datetime.fromisoformat(as_of)
    assert json.loads(jobs[0].segments[0].definition.model_dump_json()) == STARTER


async def test_requests_behind_an_announced_run_share_one_that_waits(
    client: httpx.AsyncClient, engine: AsyncEngine, runs: RunService, path: str
) -> None:
    first = await compute(client, path)
    await relay_everything(engine)
    waiting = {await compute(client, path) for _ in range(5)}
    assert len(waiting) == 1
    assert waiting != {first}
    assert not [job for job in await relay_everything(engine) if job.run_id in waiting]
    await runs.apply(result(first, "running", datetime.now(UTC)))
    assert {job.run_id for job in await relay_everything(engine)} == waiting


async def test_a_thousand_requests_at_once_make_at_most_two_runs(
    client: httpx.AsyncClient, engine: AsyncEngine, path: str
) -> None:
    async def relaying() -> None:
        while True:
            await relay_everything(engine)
            await asyncio.sleep(0.01)

    async with asyncio.TaskGroup() as group:
        relay = group.create_task(relaying())
        ids = await asyncio.gather(*(compute(client, path) for _ in range(1000)))
        relay.cancel()
    listed = (await client.get(f"{path}runs/", headers=OWNER)).json()["items"]
    assert {int(each["run_id"]) for each in listed} == set(ids)
    assert 1 <= len(listed) <= 2


async def test_an_instant_of_ones_own_makes_a_run_of_ones_own(client: httpx.AsyncClient, path: str) -> None:
    shared = await compute(client, path)
    own = [await compute(client, path, as_of="2026-01-31T10:00:00.123456+01:00") for _ in range(2)]
    assert len({shared, *own}) == 3
    assert (await run(client, path, own[0]))["as_of"] == "2026-01-31T09:00:00.123000Z"


@pytest.mark.parametrize("as_of", ["2026-01-31", "tomorrow", 5, None, "9999-01-01T00:00:00Z"])
async def test_an_instant_that_is_none_is_refused(client: httpx.AsyncClient, path: str, as_of: object) -> None:
    answer = await client.post(f"{path}compute/", json={"as_of": as_of}, headers=OWNER)
    assert (answer.status_code, slug(answer)) == (422, "validation-failed")


async def test_runs_are_listed_newest_first_in_pages(client: httpx.AsyncClient, path: str) -> None:
    made = [await compute(client, path, as_of=f"2026-01-0{day}T00:00:00Z") for day in (1, 2, 3)]
    first = (await client.get(f"{path}runs/?limit=2", headers=OWNER)).json()
    rest = (await client.get(f"{path}runs/?limit=2&cursor={first['next_cursor']}", headers=OWNER)).json()
    assert [int(each["run_id"]) for each in first["items"] + rest["items"]] == made[::-1]
    assert rest["next_cursor"] is None


async def test_a_run_follows_the_words_of_its_worker(client: httpx.AsyncClient, runs: RunService, path: str) -> None:
    run_id, start = await compute(client, path), datetime.now(UTC)
    segment_id = int(path.split("/")[-2])
    await runs.apply(result(run_id, "running", start))
    assert (await run(client, path, run_id))["status"] == "running"
    done = result(
        run_id,
        "succeeded",
        start + timedelta(seconds=2),
        segments=[SegmentResult(segment_id=segment_id, version=1, size=10, entered=3, exited=1)],
        counts=RunCounts(universe=60, rows_read=700, bytes_read=9000),
        duration_ms=1500,
    )
    late = result(run_id, "running", start + timedelta(seconds=1))
    failed = result(
        run_id, "failed", start + timedelta(seconds=3), problem=RunProblem(type="t", title="t", detail="late")
    )
    for word in (done, late, done, failed):
        await runs.apply(word)
    shown = await run(client, path, run_id)
    told = {
        "status": "succeeded",
        "size": 10,
        "entered": 3,
        "exited": 1,
        "published": True,
        "universe": 60,
        "duration_ms": 1500,
        "rows_read": 700,
        "bytes_read": 9000,
        "problem": None,
    }
    assert {name: shown[name] for name in told} == told


async def test_a_run_of_an_earlier_instant_says_that_it_is_not_served(
    client: httpx.AsyncClient, runs: RunService, path: str
) -> None:
    run_id, segment_id = await compute(client, path), int(path.split("/")[-2])
    found = SegmentResult(segment_id=segment_id, version=1, size=10, entered=0, exited=0, published=False)
    await runs.apply(result(run_id, "succeeded", datetime.now(UTC), segments=[found]))
    shown = await run(client, path, run_id)
    assert (shown["status"], shown["size"], shown["published"]) == ("succeeded", 10, False)


async def test_deleting_a_segment_takes_back_what_nobody_has_seen(
    client: httpx.AsyncClient, engine: AsyncEngine, path: str
) -> None:
    run_id = await compute(client, path)
    await client.delete(path, headers=OWNER)
    segment_id = int(path.split("/")[-2])
    [farewell] = [job for job in await relay_everything(engine) if job.segments[0].id == segment_id]
    assert farewell.run_id > int(run_id)
    assert farewell.segments[0].definition == Group(logic="OR", conditions=())


async def test_of_two_relays_each_message_is_sent_by_one(client: httpx.AsyncClient, engine: AsyncEngine) -> None:
    await relay_everything(engine)
    for _ in range(20):
        await create(client, definition=PRICING)
    clock = SystemClock()
    log = MemoryEventLog(clock=clock)
    await log.ensure_topics([COMPUTE_JOBS, SEGMENTS])
    relays = [
        OutboxRelay(outbox=PostgresOutbox(engine=engine), log=log, clock=clock, faults=NO_FAULTS) for _ in range(2)
    ]

    async def drain(relay: OutboxRelay) -> None:
        for _ in range(20):
            await relay.relay(limit=3)

    await asyncio.gather(*map(drain, relays))
    records = [record for part in range(SEGMENTS.partitions) for record in await log.tail(SEGMENTS, part, 1000)]
    ids = [json.loads(record.value)["segment_id"] for record in records]
    assert ids == sorted(set(ids))
    assert len(ids) == 20


async def test_sent_messages_are_forgotten_in_time(client: httpx.AsyncClient, engine: AsyncEngine) -> None:
    store = PostgresOutbox(engine=engine)
    # What other tests sent, some of it long ago.
    await relay_everything(engine)
    await store.forget_sent(datetime.now(UTC) + timedelta(days=1))
    await create(client)
    await relay_everything(engine)
    assert await store.forget_sent(datetime.now(UTC) - timedelta(days=7)) == 0
    assert await store.forget_sent(datetime.now(UTC) + timedelta(days=1)) > 0
    async with engine.connect() as connection:
        left = (await connection.execute(sa.select(sa.func.count()).select_from(outbox))).scalar_one()
    assert left == 0
