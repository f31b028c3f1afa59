"""Streaming a run as server-sent events, over a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.contracts.jobs import ComputeResultMessage, RunProgress, SegmentResult
from segops_common.core.clock import SystemClock
from segops_common.stores.idempotency import PostgresIdempotency
from segops_common.web.app import Running
from segops_segments.adapters.postgres.store import PostgresStore
from segops_segments.app import api_app
from segops_segments.service.apply_results import ApplyResults
from segops_segments.service.run_stream import RunStream
from segops_segments.service.use_cases import UseCases
from segops_testkit.auth import FakeAuthenticator
from segops_testkit.http import on_port
from tests.integration.segments.requests import OWNER, PRICING, Json, bearer, create, slug


@dataclass(frozen=True, slots=True)
class ServedApi:
    """The API on a port, with a small limit of subscribers."""

    app: FastAPI
    results: ApplyResults
    client: httpx.AsyncClient


@pytest.fixture
async def served(
    engine: AsyncEngine,
    store: PostgresStore,
    use_cases: UseCases,
    results: ApplyResults,
    callers: FakeAuthenticator,
) -> AsyncIterator[ServedApi]:
    clock = SystemClock()
    stream = RunStream(store=store, clock=clock, max_subscribers=3, max_subscribers_of_a_tenant=2)

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[Running[UseCases]]:
        yield Running(
            replace(use_cases, run_stream=stream),
            authenticator=callers,
            idempotency=PostgresIdempotency(engine=engine, schema="segments", clock=clock),
        )

    app = api_app(lifespan)
    async with on_port(app) as (host, port), httpx.AsyncClient(base_url=f"http://{host}:{port}", timeout=10) as client:
        yield ServedApi(app, results, client)


@dataclass(slots=True)
class StreamedRun:
    """A run, and the reports of its worker."""

    results: ApplyResults
    tenant: int
    segment: int
    run: int

    @property
    def path(self) -> str:
        return f"/api/segments/{self.segment}/runs/{self.run}/events/"

    async def report(self, status: str, **more: object) -> None:
        result = {"run_id": self.run, "tenant_id": self.tenant, "status": status, "at": datetime.now(UTC), **more}
        await self.results.apply(ComputeResultMessage.model_validate(result).root)

    async def finish(self) -> None:
        part = SegmentResult(segment_id=self.segment, version=1, size=5, entered=5, exited=0, digest="ab" * 16)
        await self.report("succeeded", segments=[part])


async def new_run(served: ServedApi, *, tenant: int = 1, token: str = "owner") -> StreamedRun:
    segment = (await create(served.client, tenant=tenant, token=token, definition=PRICING))["id"]
    answer = await served.client.post(f"/api/segments/{segment}/compute/", headers=bearer(token))
    return StreamedRun(served.results, tenant, segment, int(answer.json()["run_id"]))


async def events(answer: httpx.Response) -> AsyncGenerator[tuple[str, Json], None]:
    """Yield (id, data) of each event; comments are skipped."""
    fields: dict[str, str] = {}
    async for line in answer.aiter_lines():
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "data" in fields:
            assert fields["event"] == "run"
            yield fields["id"], json.loads(fields["data"])
            fields = {}


async def test_a_run_is_followed_to_its_end(served: ServedApi) -> None:
    run = await new_run(served)
    received = []
    async with served.client.stream("GET", run.path, headers=OWNER) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].partition(";")[0] == "text/event-stream"
        assert answer.headers["x-accel-buffering"] == "no"
        assert answer.headers["cache-control"] == "no-store"
        async for event_id, shown in events(answer):
            received.append((event_id, shown))
            if len(received) == 1:
                await run.report("running")
            elif len(received) == 2:
                await run.report("running", progress=RunProgress(phase="evaluating", done=3, total=7))
            else:
                await run.finish()
    assert [shown["status"] for _, shown in received] == ["queued", "running", "running", "succeeded"]
    assert received[2][1]["progress"] == {"phase": "evaluating", "done": 3, "total": 7}
    last_id, last = received[-1]
    assert (last["size"], last["digest"], last["progress"]) == (5, "ab" * 16, None)
    read = await served.client.get(run.path.removesuffix("events/"), headers=OWNER)
    assert read.json() == last

    again = await served.client.get(run.path, headers=OWNER)
    assert again.text.count("event: run") == 1
    caught_up = await served.client.get(run.path, headers=OWNER | {"Last-Event-ID": last_id})
    assert (caught_up.status_code, caught_up.content) == (204, b"")
    behind = await served.client.get(run.path, headers=OWNER | {"Last-Event-ID": received[0][0]})
    assert behind.status_code == 200


async def test_a_stream_ends_at_its_timeout_and_with_the_process(served: ServedApi) -> None:
    run = await new_run(served)
    timed = await served.client.get(run.path, params={"timeout": 1}, headers=OWNER)
    assert timed.text.count("event: run") == 1
    for wrong in (0, 901, "x"):
        refused = await served.client.get(run.path, params={"timeout": wrong}, headers=OWNER)
        assert slug(refused) == "validation-failed"

    async with asyncio.timeout(30), served.client.stream("GET", run.path, headers=OWNER) as answer:
        async for _ in events(answer):
            served.app.state.health.draining = True


async def test_the_number_of_streams_is_limited(served: ServedApi) -> None:
    ours, theirs = await new_run(served), await new_run(served, tenant=2, token="stranger")

    @asynccontextmanager
    async def following(run: StreamedRun, token: str) -> AsyncIterator[None]:
        async with served.client.stream("GET", run.path, headers=bearer(token)) as answer:
            assert answer.status_code == 200
            # A reference is kept, because a collected iterator would close the response.
            stream = events(answer)
            await anext(stream)
            yield
            await stream.aclose()

    async def refusal(run: StreamedRun, token: str) -> tuple[int, str]:
        answer = await served.client.get(run.path, headers=bearer(token))
        assert "retry-after" in answer.headers
        return answer.status_code, slug(answer)

    async with following(ours, "owner"), following(ours, "owner"):
        assert await refusal(ours, "owner") == (429, "rate-limited")
        async with following(theirs, "stranger"):
            assert await refusal(theirs, "stranger") == (503, "too-many-streams")
    # A closed stream frees its place once the server has noticed.
    async with asyncio.timeout(30):
        while True:
            async with served.client.stream("GET", ours.path, headers=OWNER) as answer:
                if answer.status_code == 200:
                    break
            await asyncio.sleep(0.05)


async def test_a_run_of_another_tenant_cannot_be_followed(served: ServedApi) -> None:
    run = await new_run(served)
    answer = await served.client.get(run.path, headers=bearer("stranger"))
    assert (answer.status_code, slug(answer)) == (404, "not-found")
