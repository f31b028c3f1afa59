"""A followed run over HTTP: the stream ends when its caller may no longer read the segment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from segops_common.security.permissions import Role, Scope
from segops_common.web.app import Running
from segops_common.web.event_stream import CHECK_EVERY_S
from segops_segments.app import api_app
from segops_segments.service.run_stream import RunStream
from segops_testkit.auth import FakeAuthenticator
from segops_testkit.http import in_process
from tests.unit.segments.harness import RunsHarness

ENDINGS: dict[str, tuple[str, Callable[[FakeAuthenticator], object]]] = {
    "session ended": ("Bearer viewer", lambda callers: callers.remove("viewer")),
    "member removed": ("Bearer viewer", lambda callers: callers.add_user("viewer", 2, {2: Role.OWNER})),
    "key revoked": ("ApiKey key", lambda callers: callers.remove("key")),
}


@pytest.mark.parametrize(("authorization", "end"), ENDINGS.values(), ids=ENDINGS.keys())
async def test_a_change_after_the_end_of_access_is_not_sent(
    authorization: str, end: Callable[[FakeAuthenticator], object]
) -> None:
    harness, callers = RunsHarness(), FakeAuthenticator()
    callers.add_user("viewer", 2, {1: Role.VIEWER})
    callers.add_key("key", 1, {Scope.SEGMENTS_READ})
    run = await harness.request(await harness.create())
    await harness.relay()
    use_cases = SimpleNamespace(
        segments=harness.segments, runs=harness.runs, run_stream=RunStream(store=harness.store, clock=harness.clock)
    )

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[Running[Any]]:
        yield Running(use_cases, authenticator=callers)

    app = api_app(lifespan)
    app.state.clock = harness.clock
    path = f"/api/segments/{run.segment_id}/runs/{run.run_id}/events/"
    async with asyncio.timeout(60), in_process(app) as client:
        following = asyncio.create_task(client.get(path, headers={"Authorization": authorization}))
        await until_polled(harness, following)
        end(callers)
        await harness.report(run, "running")
        harness.clock.advance(CHECK_EVERY_S)
        answer = await following
    assert answer.status_code == 200
    assert answer.text.count("event: run") == 1
    assert '"queued"' in answer.text


async def until_polled(harness: RunsHarness, following: asyncio.Task[httpx.Response]) -> None:
    """Return when the stream has read the run and waits until it reads it again."""
    while not harness.clock.sleepers:
        assert not following.done(), following.result().text
        await asyncio.sleep(0)
