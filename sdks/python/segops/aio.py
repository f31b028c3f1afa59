"""The client for asyncio: calls queue events, one task sends them."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime

import httpx

from segops import wire
from segops.answers import Answer
from segops.calls import Calls
from segops.core import Core, Request
from segops.events import Event
from segops.lookup import LookupFailed, lookup_path, segment_ids
from segops.options import Options
from segops.reports import OnError, Report, Result, Stats, Warnings
from segops.stamps import Stamps


class AsyncSegOps(Calls):
    """Sends events in a task of the running loop; `async with` it, or `await` its `shutdown`.

    Events queued before an event loop runs wait for the first call within one. Raises ValueError for an invalid
    address or key.
    """

    def __init__(
        self, *, api_url: str, api_key: str, options: Options | None = None, on_error: OnError | None = None
    ) -> None:
        self._url = wire.base_url(api_url, api_key)
        self._headers = wire.headers(api_key)
        self._options = options or Options()
        self._on_error = on_error or Warnings()
        self._core = Core(self._options)
        self._stamps = Stamps()
        self._changed = asyncio.Condition()
        self._wake = asyncio.Event()
        self._http = httpx.AsyncClient(timeout=self._options.request_timeout_s)
        self._sender: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"AsyncSegOps(api_url={self._url!r})"

    async def __aenter__(self) -> AsyncSegOps:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.shutdown()

    async def flush(self, timeout_s: float = 10.0) -> bool:
        """Send everything queued before the call; return whether all of it was sent or dropped in time."""
        self._core.flush()
        return await self._settled(timeout_s)

    async def shutdown(self, timeout_s: float = 5.0) -> Result:
        """Send queued events for at most that long, then drop and report the rest. Later events are dropped."""
        self._core.close()
        await self._settled(timeout_s)
        result = self._core.give_up()
        if self._sender is not None:
            self._sender.cancel()
            await asyncio.wait([self._sender])
        await self._http.aclose()
        self._tell()
        return result

    def stats(self) -> Stats:
        """Return counts since the client was created."""
        return self._core.stats()

    def opt_out(self) -> None:
        """Drop queued events, and every event from now on."""
        self._core.opt(out=True)
        self._tell()

    def opt_in(self) -> None:
        """Accept events again."""
        self._core.opt(out=False)

    async def segments(self, user_id: str) -> list[int]:
        """Return the ids of the user's segments. Raises LookupFailed."""
        try:
            answer = await self._http.get(self._url + lookup_path(user_id), headers=self._headers)
        except httpx.HTTPError as error:
            raise LookupFailed(f"The server did not respond: {type(error).__name__}") from error
        return segment_ids(answer.status_code, answer.content)

    def _take(self, event: Event | Report) -> None:
        if isinstance(event, Report):
            self._core.refuse(event)
        else:
            self._core.add(event, time.monotonic())
        self._tell()
        self._go_on()

    def _go_on(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        if self._sender is None and self._core.pending:
            self._sender = loop.create_task(self._send_all(), name="segops")
        self._wake.set()

    async def _settled(self, timeout_s: float) -> bool:
        self._go_on()
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                await self._changed.wait_for(lambda: self._core.flushed)
        except TimeoutError:
            return False
        return True

    async def _send_all(self) -> None:
        while True:
            self._wake.clear()
            request = self._core.next_request(time.monotonic(), datetime.now(UTC))
            if request is None:
                await self._rest()
            else:
                await self._send(request)

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(self._core.wait_s(time.monotonic())):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _send(self, request: Request) -> None:
        answer = await self._post(request)
        now = time.monotonic()
        async with self._changed:
            if answer is None:
                self._core.failed(request, now)
            else:
                self._core.answered(request, answer, now, datetime.now(UTC))
            self._changed.notify_all()
        self._tell()

    async def _post(self, request: Request) -> Answer | None:
        headers = self._headers | request.headers
        url = self._url + wire.BATCH_PATH
        try:
            async with asyncio.timeout(self._options.request_timeout_s):
                async with self._http.stream("POST", url, content=request.body, headers=headers) as answer:
                    body = b""
                    async for piece in answer.aiter_bytes():
                        body += piece
                        if len(body) > wire.MAX_ANSWER_BYTES:
                            return None
                    return Answer(answer.status_code, answer.headers, body)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError):
            return None

    def _tell(self) -> None:
        while self._core.reports:
            wire.tell(self._on_error, self._core.reports.popleft())
