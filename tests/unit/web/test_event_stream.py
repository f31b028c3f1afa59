"""Streams of events end when their caller may no longer read them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated

import pytest
from fastapi import FastAPI, Request

from segops_common.core.problems import Unavailable
from segops_common.security.permissions import Role, Scope
from segops_common.security.principal import Principal
from segops_common.web.app import Running, create_app, new_router
from segops_common.web.dependencies import require
from segops_common.web.event_stream import CHECK_EVERY_S, EventStream
from segops_testkit.auth import FakeAuthenticator
from segops_testkit.clock import ManualClock
from segops_testkit.http import in_process

TENANT = 1
CREDENTIALS = {"user": "Bearer viewer", "key": "ApiKey key"}


class Callers(FakeAuthenticator):
    """Knows a viewer and a key of the tenant, counts what it is asked, and can be down."""

    def __init__(self) -> None:
        super().__init__()
        self.add_user("viewer", 2, {TENANT: Role.VIEWER})
        self.add_key("key", TENANT, {Scope.SEGMENTS_READ})
        self.is_down = False
        self.asked = 0

    async def authenticate(self, authorization: str | None) -> Principal:
        self.asked += 1
        if self.is_down:
            raise Unavailable("down")
        return await super().authenticate(authorization)


def go_down(callers: Callers) -> None:
    callers.is_down = True


class Feed:
    """An app with a stream of three events. `between` happens after the first one was sent."""

    def __init__(
        self, between: Callable[[Callers], object] = lambda _: None, *, pause_s: float = CHECK_EVERY_S
    ) -> None:
        self.clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))
        self.callers = Callers()
        self.is_closed = False
        self._between = between
        self._pause_s = pause_s

    async def get(self, authorization: str) -> list[str]:
        """Return the events that a caller with this credential receives."""
        async with in_process(self._app()) as client:
            answer = await client.get("/feed/", headers={"Authorization": authorization})
        assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, "text/event-stream")
        return answer.text.split("\n\n")[:-1]

    async def _events(self) -> AsyncGenerator[str, None]:
        try:
            yield "data: 1\n\n"
            self._between(self.callers)
            self.clock.advance(self._pause_s)
            yield ": still here\n\n"
            yield "data: 2\n\n"
        finally:
            self.is_closed = True

    def _app(self) -> FastAPI:
        router = new_router()

        @router.get("/feed/", response_class=EventStream)
        async def read(request: Request, caller: Annotated[Principal, require(Scope.SEGMENTS_READ)]) -> EventStream:
            """Stream the events."""
            return EventStream(request, self._events(), tenant_id=TENANT, scope=Scope.SEGMENTS_READ)

        @asynccontextmanager
        async def lifespan() -> AsyncIterator[Running[None]]:
            yield Running(None, self.callers)

        return create_app(title="Feed", description="x", lifespan=lifespan, routers=[router], clock=self.clock)


@pytest.mark.parametrize("authorization", CREDENTIALS.values(), ids=CREDENTIALS.keys())
async def test_a_caller_who_may_read_receives_all_events(authorization: str) -> None:
    feed = Feed()
    assert await feed.get(authorization) == ["data: 1", ": still here", "data: 2"]
    assert feed.is_closed


ENDINGS: dict[str, tuple[str, Callable[[Callers], object]]] = {
    "session ended": ("user", lambda callers: callers.remove("viewer")),
    "member removed": ("user", lambda callers: callers.add_user("viewer", 2, {})),
    "moved to another tenant": ("user", lambda callers: callers.add_user("viewer", 2, {TENANT + 1: Role.OWNER})),
    "key revoked": ("key", lambda callers: callers.remove("key")),
    "scope withdrawn": ("key", lambda callers: callers.add_key("key", TENANT, {Scope.EVENTS_WRITE})),
    "auth down": ("user", go_down),
}


@pytest.mark.parametrize(("who", "end"), ENDINGS.values(), ids=ENDINGS.keys())
async def test_a_stream_ends_with_the_permission_of_its_caller(who: str, end: Callable[[Callers], object]) -> None:
    feed = Feed(end)
    assert await feed.get(CREDENTIALS[who]) == ["data: 1"]
    assert feed.is_closed


async def test_many_events_in_a_second_check_the_caller_once() -> None:
    feed = Feed(pause_s=0)
    assert len(await feed.get(CREDENTIALS["user"])) == 3
    assert feed.callers.asked == 2, "the request, and the first event"
