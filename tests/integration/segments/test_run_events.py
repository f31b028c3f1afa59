"""A run followed as server-sent events, over a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.contracts.jobs import ComputeResultMessage, RunProgress, SegmentResult
from segops_common.core.clock import SystemClock
from segops_common.stores.idempotency import PostgresIdempotency
from segops_common.web.app import Running
from segops_segments.adapters.files.spool import file_spool
from segops_segments.adapters.http.observed_events import RemoteObserved
from segops_segments.adapters.postgres.store import PostgresStore
from segops_segments.app import api_app
from segops_segments.service.request_runs import RunService
from segops_segments.service.run_stream import RunFollowing
from segops_segments.service.segments.manage import SegmentService
from segops_segments.service.static_lists import StaticListService
from segops_segments.service.use_cases import UseCases
from segops_segments.service.validation.report import Verdicts
from segops_testkit.auth import FakeAuthenticator
from segops_testkit.http import on_port
from tests.integration.segments.conftest import NOWHERE
from tests.integration.segments.requests import OWNER, PRICING, Json, bearer, create, slug


@dataclass(frozen=True, slots=True)
class Served:
    """The API on a port, and its insides."""

    app: FastAPI
    following: RunFollowing
    runs: RunService
    client: httpx.AsyncClient


@pytest.fixture
async def served(
    engine: AsyncEngine, store: PostgresStore, runs: RunService, callers: FakeAuthenticator
) -> AsyncIterator[Served]:
    clock = SystemClock()
    following = RunFollowing(store=store, clock=clock, most=3, most_of_a_tenant=2)

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[Running[UseCases]]:
        use_cases = UseCases(
            segments=SegmentService(store=store, clock=clock),
            runs=runs,
            lists=StaticListService(store=store, runs=runs, spools=file_spool, clock=clock),
            following=following,
            verdicts=Verdicts(store=store, observed=RemoteObserved(membership_url=NOWHERE, service_token="service")),
        )
        yield Running(
            use_cases,
            authenticator=callers,
            idempotency=PostgresIdempotency(engine=engine, schema="segments", clock=clock),
        )

    app = api_app(lifespan)
    async with on_port(app) as (host, port), httpx.AsyncClient(base_url=f"http://{host}:{port}", timeout=10) as client:
        yield Served(app, following, runs, client)


@dataclass(slots=True)
class Followed:
    """A run, and how its worker speaks."""

    runs: RunService
    tenant: int
    segment: int
    run: int

    @property
    def path(self) -> str:
        return f"/api/segments/{self.segment}/runs/{self.run}/events/"

    async def say(self, status: str, **more: object) -> None:
        result = {"run_id": self.run, "tenant_id": self.tenant, "status": status, "at": datetime.now(UTC), **more}
        await self.runs.apply(ComputeResultMessage.model_validate(result).root)

    async def finish(self) -> None:
        part = SegmentResult(segment_id=self.segment, version=1, size=5, entered=5, exited=0, digest="ab" * 16)
        await self.say("succeeded", segments=[part])


async def new_run(served: Served, *, tenant: int = 1, token: str = "owner") -> Followed:
    segment = (await create(served.client, tenant=tenant, token=token, definition=PRICING))["id"]
    answer = await served.client.post(f"/api/segments/{segment}/compute/", headers=bearer(token))
    return Followed(served.runs, tenant, segment, int(answer.json()["run_id"]))


async def events(answer: httpx.Response) -> AsyncGenerator[tuple[str, Json], None]:
    """(id, data) of each event; comments are passed over."""
    fields: dict[str, str] = {}
    async for line in answer.aiter_lines():
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "data" in fields:
            assert fields["event"] == "run"
            yield fields["id"], json.loads(fields["data"])
            fields = {}


async def test_a_run_is_followed_to_its_end(served: Served) -> None:
    run = await new_run(served)
    seen = []
    async with served.client.stream("GET", run.path, headers=OWNER) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].partition(";")[0] == "text/event-stream"
        assert answer.headers["x-accel-buffering"] == "no"
        assert answer.headers["cache-control"] == "no-store"
        async for event_id, shown in events(answer):
            seen.append((event_id, shown))
            if len(seen) == 1:
                await run.say("running")
            elif len(seen) == 2:
                await run.say("running", progress=RunProgress(phase="evaluating", done=3, total=7))
            else:
                await run.finish()
    assert [shown["status"] for _, shown in seen] == ["queued", "running", "running", "succeeded"]
    assert seen[2][1]["progress"] == {"phase": "evaluating", "done": 3, "total": 7}
    last_id, last = seen[-1]
    assert (last["size"], last["digest"], last["progress"]) == (5, "ab" * 16, None)
    read = await served.client.get(run.path.removesuffix("events/"), headers=OWNER)
    assert read.json() == last

    again = await served.client.get(run.path, headers=OWNER)
    assert again.text.count("event: run") == 1
    known = await served.client.get(run.path, headers=OWNER | {"Last-Event-ID": last_id})
    assert (known.status_code, known.content) == (204, b"")
    elsewhere = await served.client.get(run.path, headers=OWNER | {"Last-Event-ID": seen[0][0]})
    assert elsewhere.status_code == 200


async def test_a_stream_ends_with_its_time_and_with_the_process(served: Served) -> None:
    run = await new_run(served)
    timed = await served.client.get(run.path, params={"timeout": 1}, headers=OWNER)
    assert timed.text.count("event: run") == 1
    for wrong in (0, 901, "x"):
        refused = await served.client.get(run.path, params={"timeout": wrong}, headers=OWNER)
        assert slug(refused) == "validation-failed"

    async with asyncio.timeout(30), served.client.stream("GET", run.path, headers=OWNER) as answer:
        async for _ in events(answer):
            served.app.state.health.draining = True


async def test_only_so_many_follow_at_once(served: Served) -> None:
    ours, theirs = await new_run(served), await new_run(served, tenant=2, token="stranger")

    @asynccontextmanager
    async def following(run: Followed, token: str) -> AsyncIterator[None]:
        async with served.client.stream("GET", run.path, headers=bearer(token)) as answer:
            assert answer.status_code == 200
            # Kept: an iterator that is thrown away closes the answer.
            told = events(answer)
            await anext(told)
            yield
            await told.aclose()

    async def refusal(run: Followed, token: str) -> tuple[int, str]:
        answer = await served.client.get(run.path, headers=bearer(token))
        assert "retry-after" in answer.headers
        return answer.status_code, slug(answer)

    async with following(ours, "owner"), following(ours, "owner"):
        assert await refusal(ours, "owner") == (429, "rate-limited")
        async with following(theirs, "stranger"):
            assert await refusal(theirs, "stranger") == (503, "too-many-streams")
    # Whoever went away makes room.
    async with asyncio.timeout(30):
        while True:
            async with served.client.stream("GET", ours.path, headers=OWNER) as answer:
                if answer.status_code == 200:
                    break
            await asyncio.sleep(0.05)


async def test_a_run_of_another_tenant_cannot_be_followed(served: Served) -> None:
    run = await new_run(served)
    answer = await served.client.get(run.path, headers=bearer("stranger"))
    assert (answer.status_code, slug(answer)) == (404, "not-found")
