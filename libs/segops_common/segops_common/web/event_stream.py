"""Responses of server-sent events."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

EVENT_STREAM: Final = "text/event-stream"


class EventStream(StreamingResponse):
    """Sends server-sent events, which proxies must not buffer, and closes their source however the response ends."""

    media_type = EVENT_STREAM

    def __init__(self, events: AsyncGenerator[str, None]) -> None:
        super().__init__(events, headers={"X-Accel-Buffering": "no"})
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._events):
            await super().__call__(scope, receive, send)
