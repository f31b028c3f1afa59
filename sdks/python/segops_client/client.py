"""The client for threads: calls queue events, one background thread sends them."""

from __future__ import annotations

import atexit
import os
import threading
import time
import weakref
from collections.abc import Iterable, Iterator
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

_AT_EXIT_S = 2.0


class SegOpsClient(Calls):
    """Sends events in the background. Create one per process, and shut it down at the end.

    A process that ends without `shutdown` still gets two seconds for queued events. A forked child starts with an empty
    queue; the parent sends its own events. With a publishable key and `get_user`, events are sent in a session of the user
    that it returns, whatever ids they have. Raises ValueError for an invalid address or key.
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
        self._begin()
        _alive.add(self)

    def __repr__(self) -> str:
        return f"SegOpsClient(api_url={self._url!r})"

    def __enter__(self) -> SegOpsClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Send everything queued before the call; return whether all of it was sent or dropped in time."""
        with self._changed:
            self._core.flush()
            self._changed.notify_all()
            core = self._core
            return self._changed.wait_for(lambda: core.flushed, timeout_s)

    def shutdown(self, timeout_s: float = 5.0) -> Result:
        """Send queued events for at most that long, then drop and report the rest. Later events are dropped."""
        with self._changed:
            self._core.close()
            self._changed.notify_all()
            core = self._core
            self._changed.wait_for(lambda: core.flushed, timeout_s)
            result = core.give_up()
            self._changed.notify_all()
        self._tell()
        return result

    def stats(self) -> Stats:
        """Return counts since the client was created."""
        with self._changed:
            return self._core.stats()

    def reset_session(self) -> None:
        """Begin another session with the next request, because `get_user` returns another user. No effect without it."""
        if self._session is not None:
            self._session.reset()

    def opt_out(self) -> None:
        """Drop queued events, and every event from now on."""
        self._opt(out=True)

    def opt_in(self) -> None:
        """Accept events again."""
        self._opt(out=False)

    def close(self) -> None:
        """Do the same as `shutdown`."""
        self.shutdown()

    def segments(self, user_id: str) -> list[int]:
        """Return the ids of the user's segments. Raises LookupFailed."""
        return queries.segment_ids(*self._ask(queries.segments_query(user_id)))

    def segments_of(self, user_ids: Iterable[str]) -> dict[str, list[int]]:
        """Return the ids of the segments of each user, by 1,000 users a request. Raises LookupFailed."""
        by_user: dict[str, list[int]] = {}
        for query in queries.batch_queries(list(user_ids)):
            by_user.update(queries.segment_ids_by_user(*self._ask(query)))
        return by_user

    def members(self, segment_id: int, *, page_size: int = 1_000) -> Iterator[Member]:
        """Iterate over all members as of one computation, in a stable order. Raises LookupFailed."""
        cursor: str | None = None
        while True:
            page = queries.members_page(*self._ask(queries.members_query(segment_id, page_size, cursor)))
            yield from page.members
            cursor = page.next_cursor
            if cursor is None:
                return

    def explain(self, user_id: str, segment_id: int) -> list[dict[str, Any]]:
        """Return for each condition of the segment what is true of the user. Raises LookupFailed."""
        return queries.explanation(*self._ask(queries.explain_query(user_id, segment_id)))

    def _ask(self, query: Query) -> tuple[int, bytes]:
        try:
            answer = self._http.request(query.method, self._url + query.path, json=query.body, headers=self._headers)
        except httpx.HTTPError as error:
            raise LookupFailed(f"The server did not respond: {type(error).__name__}") from error
        return answer.status_code, answer.content

    def _begin(self) -> None:
        """Create everything that a forked child must not share with its parent."""
        self._core = Core(self._options)
        self._stamps = Stamps()
        self._changed = threading.Condition()
        self._http = httpx.Client(timeout=self._options.timeout)
        self._sender: threading.Thread | None = None

    def _take(self, event: QueuedEvent | Report) -> None:
        with self._changed:
            if isinstance(event, Report):
                self._core.refuse(event)
            else:
                self._core.add(event, time.monotonic())
            if self._sender is None and not self._core.closing:
                self._sender = threading.Thread(target=self._send_all, name="segops", daemon=True)
                self._sender.start()
            self._changed.notify_all()
        self._tell()

    def _opt(self, *, out: bool) -> None:
        with self._changed:
            self._core.opt(out=out)
            self._changed.notify_all()
        self._tell()

    def _send_all(self) -> None:
        changed, core, http = self._changed, self._core, self._http
        while True:
            with changed:
                request = self._next(core)
            if request is None:
                http.close()
                return
            answer = self._post(http, request)
            with changed:
                now = time.monotonic()
                if isinstance(answer, str):
                    core.failed(request, now, answer)
                else:
                    core.answered(request, answer, now, datetime.now(timezone.utc))
                changed.notify_all()
            self._tell()

    def _next(self, core: Core) -> Request | None:
        """Wait for the next request; return None when the client is closed and empty."""
        while not (core.closing and not core.pending):
            request = core.next_request(time.monotonic(), datetime.now(timezone.utc))
            if request is not None:
                return request
            self._changed.wait(core.wait_s(time.monotonic()))
        return None

    def _post(self, http: httpx.Client, request: Request) -> Answer | str:
        """Return the response, or why there is none within the time limit of a request."""
        end = time.monotonic() + self._options.timeout
        headers = {**self._headers, **request.headers}
        try:
            with http.stream(
                "POST", self._url + wire.BATCH_PATH, content=request.body, headers=headers, auth=self._session
            ) as answer:
                body = b""
                for piece in answer.iter_bytes():
                    body += piece
                    if time.monotonic() > end or len(body) > wire.MAX_ANSWER_BYTES:
                        return "slow or too long"
                return Answer(answer.status_code, answer.headers, body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return type(error).__name__

    def _tell(self) -> None:
        """Deliver reports outside the lock, since a callback may call the client."""
        reports = self._core.reports
        while reports:
            try:
                report = reports.popleft()
            except IndexError:
                return
            wire.tell(self._on_error, report)


_alive: weakref.WeakSet[SegOpsClient] = weakref.WeakSet()


def _at_exit() -> None:
    end = time.monotonic() + _AT_EXIT_S
    for client in list(_alive):
        client.shutdown(max(0.0, end - time.monotonic()))


def _in_child() -> None:
    for client in list(_alive):
        client._begin()


atexit.register(_at_exit)
os.register_at_fork(after_in_child=_in_child)
