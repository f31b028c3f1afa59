"""Responses of server-sent events."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from fastapi import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Send
from starlette.types import Scope as ASGIScope

from segops_common.core.clock import Clock
from segops_common.core.problems import Problem
from segops_common.security.permissions import Scope
from segops_common.web.dependencies import authenticate

EVENT_STREAM: Final = "text/event-stream"
CHECK_EVERY_S: Final = 1.0
"""A stream with many events checks its caller once in this time."""


class EventStream(StreamingResponse):
    """Sends server-sent events, which proxies must not buffer, while the caller of the request has the scope.

    The caller is checked again before an event is sent, keep-alives included. The stream ends if the check fails, also
    when auth is down for longer than the authenticator bridges: the client reconnects and receives the reason. The source
    of the events is closed however the response ends.
    """

    media_type = EVENT_STREAM

    def __init__(self, request: Request, events: AsyncGenerator[str, None], *, tenant_id: int, scope: Scope) -> None:
        self._request = request
        self._events = events
        self._tenant_id = tenant_id
        self._scope = scope
        self._permitted = self._while_permitted()
        super().__init__(self._permitted, headers={"X-Accel-Buffering": "no"})

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        async with aclosing(self._events), aclosing(self._permitted):
            await super().__call__(scope, receive, send)

    async def _while_permitted(self) -> AsyncGenerator[str, None]:
        clock: Clock = self._request.app.state.clock
        checked_at = -math.inf
        async for event in self._events:
            now = clock.monotonic()
            if now >= checked_at + CHECK_EVERY_S:
                if not await self._is_permitted():
                    return
                checked_at = now
            yield event

    async def _is_permitted(self) -> bool:
        try:
            (await authenticate(self._request)).require(self._tenant_id, self._scope)
        except Problem:
            return False
        return True
