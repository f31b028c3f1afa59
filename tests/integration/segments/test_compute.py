"""Requesting runs over HTTP, and reading their results."""

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
from segops_common.stores.postgres import read_session
from segops_common.streams.memory import MemoryEventLog
from segops_language import Group
from segops_segments.adapters.postgres.outbox import RELAY, PostgresOutbox
from segops_segments.adapters.postgres.tables import outbox
from segops_segments.service.apply_results import ApplyResults
from segops_segments.service.outbox_relay import RelayOutbox
from tests.integration.segments.requests import OWNER, PRICING, STARTER, Json, create, slug


@pytest.fixture
async def path(client: httpx.AsyncClient) -> str:
    """Return the path of a new segment with a definition."""
    return f"/api/segments/{(await create(client, definition=PRICING))['id']}/"


async def compute(client: httpx.AsyncClient, path: str, **body: object) -> int:
    """Request a run. On a slow machine many requests at once pass their deadline; they are repeated, as clients do."""
    answer = await client.post(f"{path}compute/", json=body or None, headers=OWNER)
    while answer.status_code == 503:
        await asyncio.sleep(float(answer.headers["retry-after"]))
        answer = await client.post(f"{path}compute/", json=body or None, headers=OWNER)
    assert answer.status_code == 202, answer.text
    return int(answer.json()["run_id"])


async def run(client: httpx.AsyncClient, path: str, run_id: int) -> Json:
    answer = await client.get(f"{path}runs/{run_id}/", headers=OWNER)
    assert answer.status_code == 200
    shown: Json = answer.json()
    return shown


async def relay_everything(engine: AsyncEngine) -> list[ComputeJob]:
    """Send all messages in the outbox; return the jobs among them."""
    clock = SystemClock()
    log = MemoryEventLog(clock=clock)
    await log.ensure_topics([COMPUTE_JOBS, SEGMENTS])
    relay = RelayOutbox(outbox=PostgresOutbox(engine=engine), log=log, clock=clock, faults=NO_FAULTS)
    while await relay.relay():
        pass
    jobs = []
    for partition in range(COMPUTE_JOBS.partitions):
        records = await log.tail(COMPUTE_JOBS, partition, 10_000)
        jobs += [ComputeJob.model_validate_json(record.value) for record in records]
    return jobs


def report(run_id: int, status: str, at: datetime, **more: object) -> ComputeResult:
    values = {"run_id": run_id, "tenant_id": 1, "status": status, "at": at, **more}
    return ComputeResultMessage.model_validate(values).root


async def test_a_job_has_everything_that_a_worker_needs(
    client: httpx.AsyncClient, engine: AsyncEngine, path: str
) -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    run_id = await compute(client, path)
    shown = await run(client, path, run_id)
    assert (shown["status"], shown["requested_by"], shown["size"]) == ("queued", "user:1", None)
    job = next(job for job in await relay_everything(engine) if job.run_id == run_id)
    assert (job.tenant_id, job.requested_by) == (1, "user:1")
    assert [json.loads(segment.definition.model_dump_json()) for segment in job.segments] == [PRICING]
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
    shown = [await run(client, f"/api/segments/{segment_id}/", run_id) for segment_id in ids]
    assert [(part["segment_id"], part["status"]) for part in shown] == [(segment_id, "queued") for segment_id in ids]
    assert len({part["as_of"] for part in shown}) == 1
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
        ({"tenant": 1, "tenant_slug": "tenant-2"}, 422, "tenant_slug"),
        ({"tenant_slug": ""}, 422, "tenant_slug"),
    ],
)
async def test_an_invalid_request_for_several_segments_is_refused_by_path(
    client: httpx.AsyncClient, body: Json, status: int, path: str
) -> None:
    answer = await client.post("/api/segments/compute/", json=body, headers=OWNER)
    assert answer.status_code == status, answer.text
    assert [fault["path"] for fault in answer.json()["errors"]] == [path]


async def test_a_segment_without_a_definition_is_computed_as_empty(
    client: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    segment = await create(client)
    assert segment["definition"] == {"logic": "OR", "conditions": []}
    run_id = await compute(client, f"/api/segments/{segment['id']}/")
    job = next(job for job in await relay_everything(engine) if job.run_id == run_id)
    assert [(segment.version, segment.definition) for segment in job.segments] == [
        (1, Group(logic="OR", conditions=()))
    ]


async def test_a_later_request_moves_a_run_that_no_relay_has_sent(
    client: httpx.AsyncClient, engine: AsyncEngine, path: str
) -> None:
    first = await compute(client, path)
    as_of = (await run(client, path, first))["as_of"]
    await client.patch(path, json={"definition": STARTER}, headers=OWNER)
    await next_millisecond()
    assert await compute(client, path) == first
    jobs = [job for job in await relay_everything(engine) if job.run_id == first]
    assert len(jobs) == 1
    assert jobs[0].as_of > datetime.fromisoformat(as_of)
    assert json.loads(jobs[0].segments[0].definition.model_dump_json()) == STARTER


async def next_millisecond() -> None:
    """Return when the system's clock shows a later millisecond, the precision of a run's instant."""
    start = datetime.now(UTC)
    while datetime.now(UTC) - start < timedelta(milliseconds=1):
        await asyncio.sleep(0)


async def test_requests_behind_a_dispatched_run_share_one_waiting_run(
    client: httpx.AsyncClient, engine: AsyncEngine, results: ApplyResults, path: str
) -> None:
    first = await compute(client, path)
    await relay_everything(engine)
    waiting = {await compute(client, path) for _ in range(5)}
    assert len(waiting) == 1
    assert waiting != {first}
    assert not [job for job in await relay_everything(engine) if job.run_id in waiting]
    await results.apply(report(first, "running", datetime.now(UTC)))
    assert {job.run_id for job in await relay_everything(engine)} == waiting


async def test_a_thousand_requests_at_once_make_at_most_two_runs(
    client: httpx.AsyncClient, engine: AsyncEngine, path: str
) -> None:
    async def relaying() -> None:
        while True:
            await relay_everything(engine)

    async with asyncio.TaskGroup() as group:
        relay = group.create_task(relaying())
        ids = await asyncio.gather(*(compute(client, path) for _ in range(1000)))
        relay.cancel()
    listed = (await client.get(f"{path}runs/", headers=OWNER)).json()["results"]
    assert {int(part["run_id"]) for part in listed} == set(ids)
    assert 1 <= len(listed) <= 2


async def test_a_run_at_a_chosen_instant_is_never_shared(client: httpx.AsyncClient, path: str) -> None:
    shared = await compute(client, path)
    own = [await compute(client, path, as_of="2026-01-31T10:00:00.123456+01:00") for _ in range(2)]
    assert len({shared, *own}) == 3
    assert (await run(client, path, own[0]))["as_of"] == "2026-01-31T09:00:00.123000Z"


@pytest.mark.parametrize("as_of", ["2026-01-31", "tomorrow", 5, None, "9999-01-01T00:00:00Z"])
async def test_an_invalid_instant_is_refused(client: httpx.AsyncClient, path: str, as_of: object) -> None:
    answer = await client.post(f"{path}compute/", json={"as_of": as_of}, headers=OWNER)
    assert (answer.status_code, slug(answer)) == (422, "validation-failed")


async def test_runs_are_listed_newest_first_in_pages(client: httpx.AsyncClient, path: str) -> None:
    run_ids = [await compute(client, path, as_of=f"2026-01-0{day}T00:00:00Z") for day in (1, 2, 3)]
    first = (await client.get(f"{path}runs/?limit=2", headers=OWNER)).json()
    rest = (await client.get(f"{path}runs/?limit=2&cursor={first['next_cursor']}", headers=OWNER)).json()
    assert [int(part["run_id"]) for part in first["results"] + rest["results"]] == run_ids[::-1]
    assert rest["next_cursor"] is None


async def test_a_run_shows_the_reports_of_its_worker(
    client: httpx.AsyncClient, results: ApplyResults, path: str
) -> None:
    run_id, start = await compute(client, path), datetime.now(UTC)
    segment_id = int(path.split("/")[-2])
    await results.apply(report(run_id, "running", start))
    assert (await run(client, path, run_id))["status"] == "running"
    success = report(
        run_id,
        "succeeded",
        start + timedelta(seconds=2),
        segments=[SegmentResult(segment_id=segment_id, version=1, size=10, entered=3, exited=1)],
        counts=RunCounts(universe=60, rows_read=700, bytes_read=9000),
        duration_ms=1500,
    )
    late = report(run_id, "running", start + timedelta(seconds=1))
    failure = report(
        run_id, "failed", start + timedelta(seconds=3), problem=RunProblem(type="t", title="t", detail="late")
    )
    for result in (success, late, success, failure):
        await results.apply(result)
    shown = await run(client, path, run_id)
    expected = {
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
    assert {name: shown[name] for name in expected} == expected


async def test_a_run_at_an_earlier_instant_is_shown_as_not_published(
    client: httpx.AsyncClient, results: ApplyResults, path: str
) -> None:
    run_id, segment_id = await compute(client, path), int(path.split("/")[-2])
    outcome = SegmentResult(segment_id=segment_id, version=1, size=10, entered=0, exited=0, published=False)
    await results.apply(report(run_id, "succeeded", datetime.now(UTC), segments=[outcome]))
    shown = await run(client, path, run_id)
    assert (shown["status"], shown["size"], shown["published"]) == ("succeeded", 10, False)


async def test_deleting_a_segment_recalls_its_job_and_sends_a_last_one(
    client: httpx.AsyncClient, engine: AsyncEngine, path: str
) -> None:
    run_id = await compute(client, path)
    await client.delete(path, headers=OWNER)
    segment_id = int(path.split("/")[-2])
    [last] = [job for job in await relay_everything(engine) if job.segments[0].id == segment_id]
    assert last.run_id > int(run_id)
    assert last.segments[0].definition == Group(logic="OR", conditions=())


async def test_two_relays_send_each_message_once(client: httpx.AsyncClient, engine: AsyncEngine) -> None:
    await relay_everything(engine)
    for _ in range(20):
        await create(client, definition=PRICING)
    clock = SystemClock()
    log = MemoryEventLog(clock=clock)
    await log.ensure_topics([COMPUTE_JOBS, SEGMENTS])
    relays = [
        RelayOutbox(outbox=PostgresOutbox(engine=engine), log=log, clock=clock, faults=NO_FAULTS) for _ in range(2)
    ]

    async def drain(relay: RelayOutbox) -> None:
        for _ in range(20):
            await relay.relay(limit=3)

    await asyncio.gather(*map(drain, relays))
    records = [record for part in range(SEGMENTS.partitions) for record in await log.tail(SEGMENTS, part, 1000)]
    ids = [json.loads(record.value)["segment_id"] for record in records]
    assert ids == sorted(set(ids))
    assert len(ids) == 20


async def test_old_sent_messages_are_deleted(client: httpx.AsyncClient, engine: AsyncEngine) -> None:
    store = PostgresOutbox(engine=engine)
    # Messages that other tests have sent, some of them with an old instant.
    await relay_everything(engine)
    await store.delete_sent(datetime.now(UTC) + timedelta(days=1))
    await create(client)
    await relay_everything(engine)
    assert await store.delete_sent(datetime.now(UTC) - timedelta(days=7)) == 0
    assert await store.delete_sent(datetime.now(UTC) + timedelta(days=1)) > 0
    async with read_session(engine) as session:
        await session.enter_role(RELAY)
        left = (await session.execute(sa.select(sa.func.count()).select_from(outbox))).scalar_one()
    assert left == 0
