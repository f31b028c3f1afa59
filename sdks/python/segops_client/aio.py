"""The client for asyncio: calls queue events, one task sends them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any

import httpx

from segops_client import queries, wire
from segops_client.calls import Calls
from segops_client.delivery.answers import Answer
from segops_client.delivery.core import Core, Request
from segops_client.delivery.events import QueuedEvent
from segops_client.delivery.stamps import Stamps
from segops_client.options import Options, chosen
from segops_client.queries import LookupFailed, Member, Query
from segops_client.reports import OnError, Report, Result, Stats, Warnings
from segops_client.sessions import GetUser, session_auth


class _Signals:
    """Waits of one client. Python 3.9 binds them to the loop in which they are created."""

    def __init__(self) -> None:
        self.changed = asyncio.Condition()
        self.wake = asyncio.Event()


class AsyncSegOpsClient(Calls):
    """Sends events in a task of the running loop; `async with` it, or `await` its `shutdown`.

    With a publishable key and `get_user`, which must not block, events are sent in a session of the user that it returns.
    Events queued before an event loop runs wait for the first call within one. Raises ValueError for an invalid
    address or key.
    """

    def __init__(
        self,
        api_url: str,
        api_key: str,
        *,
        get_user: GetUser | None = None,
        batch: bool = True,
        batch_size: int | None = None,
        flush_interval: float | None = None,
        timeout: float | None = None,
        on_error: OnError | None = None,
        options: Options | None = None,
    ) -> None:
        self._url = wire.base_url(api_url)
        self._headers = wire.headers(api_key)
        self._session = session_auth(self._url, api_key, get_user)
        self._options = chosen(
            options, batch=batch, batch_size=batch_size, flush_interval=flush_interval, timeout=timeout
        )
        self._on_error = on_error or Warnings()
        self._core = Core(self._options)
        self._stamps = Stamps()
        self._signals: _Signals | None = None
        self._ended = False
        self._http = httpx.AsyncClient(timeout=self._options.timeout)
        self._sender: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"AsyncSegOpsClient(api_url={self._url!r})"

    async def __aenter__(self) -> AsyncSegOpsClient:
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
        self._ended = True
        if self._sender is not None:
            self._sender.cancel()
            await asyncio.wait([self._sender])
        await self._http.aclose()
        self._tell()
        return result

    def stats(self) -> Stats:
        """Return counts since the client was created."""
        return self._core.stats()

    def reset_session(self) -> None:
        """Begin another session with the next request, because `get_user` returns another user. No effect without it."""
        if self._session is not None:
            self._session.reset()

    def opt_out(self) -> None:
        """Drop queued events, and every event from now on."""
        self._core.opt(out=True)
        self._tell()

    def opt_in(self) -> None:
        """Accept events again."""
        self._core.opt(out=False)

    async def close(self) -> None:
        """Do the same as `shutdown`."""
        await self.shutdown()

    async def segments(self, user_id: str) -> list[int]:
        """Return the ids of the user's segments. Raises LookupFailed."""
        return queries.segment_ids(*await self._ask(queries.segments_query(user_id)))

    async def segments_of(self, user_ids: Iterable[str]) -> dict[str, list[int]]:
        """Return the ids of the segments of each user, by 1,000 users a request. Raises LookupFailed."""
        by_user: dict[str, list[int]] = {}
        for query in queries.batch_queries(list(user_ids)):
            by_user.update(queries.segment_ids_by_user(*await self._ask(query)))
        return by_user

    async def members(self, segment_id: int, *, page_size: int = 1_000) -> AsyncIterator[Member]:
        """Iterate over all members as of one computation, in a stable order. Raises LookupFailed."""
        cursor: str | None = None
        while True:
            page = queries.members_page(*await self._ask(queries.members_query(segment_id, page_size, cursor)))
            for member in page.members:
                yield member
            cursor = page.next_cursor
            if cursor is None:
                return

    async def explain(self, user_id: str, segment_id: int) -> list[dict[str, Any]]:
        """Return for each condition of the segment what is true of the user. Raises LookupFailed."""
        return queries.explanation(*await self._ask(queries.explain_query(user_id, segment_id)))

    async def _ask(self, query: Query) -> tuple[int, bytes]:
        url = self._url + query.path
        try:
            answer = await self._http.request(query.method, url, json=query.body, headers=self._headers)
        except httpx.HTTPError as error:
            raise LookupFailed(f"The server did not respond: {type(error).__name__}") from error
        return answer.status_code, answer.content

    def _take(self, event: QueuedEvent | Report) -> None:
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
        signals = self._signals = self._signals or _Signals()
        if self._sender is None and self._core.pending:
            self._sender = loop.create_task(self._send_all(signals), name="segops")
        signals.wake.set()

    async def _settled(self, timeout_s: float) -> bool:
        self._go_on()
        signals = self._signals = self._signals or _Signals()
        try:
            async with signals.changed:
                await asyncio.wait_for(signals.changed.wait_for(lambda: self._core.flushed), timeout_s)
        except asyncio.TimeoutError:
            return False
        return True

    async def _send_all(self, signals: _Signals) -> None:
        while not self._ended:
            signals.wake.clear()
            request = self._core.next_request(time.monotonic(), datetime.now(timezone.utc))
            if request is None:
                await self._rest(signals)
            else:
                await self._send(request, signals)

    async def _rest(self, signals: _Signals) -> None:
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(signals.wake.wait(), self._core.wait_s(time.monotonic()))

    async def _send(self, request: Request, signals: _Signals) -> None:
        answer = await self._post(request)
        now = time.monotonic()
        async with signals.changed:
            if isinstance(answer, str):
                self._core.failed(request, now, answer)
            else:
                self._core.answered(request, answer, now, datetime.now(timezone.utc))
            signals.changed.notify_all()
        self._tell()

    async def _post(self, request: Request) -> Answer | str:
        """Return the response, or why there is none within the time limit of a request."""
        try:
            return await asyncio.wait_for(self._exchange(request), self._options.timeout)
        except (httpx.HTTPError, httpx.InvalidURL, asyncio.TimeoutError) as error:
            return type(error).__name__

    async def _exchange(self, request: Request) -> Answer | str:
        headers = {**self._headers, **request.headers}
        url = self._url + wire.BATCH_PATH
        async with self._http.stream("POST", url, content=request.body, headers=headers, auth=self._session) as answer:
            body = b""
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > wire.MAX_ANSWER_BYTES:
                    return "too long"
            return Answer(answer.status_code, answer.headers, body)

    def _tell(self) -> None:
        while self._core.reports:
            wire.tell(self._on_error, self._core.reports.popleft())
