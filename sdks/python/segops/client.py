"""The client for threads: calls queue events, one background thread sends them."""

from __future__ import annotations

import atexit
import os
import threading
import time
import weakref
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

_AT_EXIT_S = 2.0


class SegOps(Calls):
    """Sends events in the background. Create one per process, and shut it down at the end.

    A process that ends without `shutdown` still gets two seconds for queued events. A forked child starts with an empty
    queue; the parent sends its own events. Raises ValueError for an invalid address or key.
    """

    def __init__(
        self, *, api_url: str, api_key: str, options: Options | None = None, on_error: OnError | None = None
    ) -> None:
        self._url = wire.base_url(api_url, api_key)
        self._headers = wire.headers(api_key)
        self._options = options or Options()
        self._on_error = on_error or Warnings()
        self._begin()
        _alive.add(self)

    def __repr__(self) -> str:
        return f"SegOps(api_url={self._url!r})"

    def __enter__(self) -> SegOps:
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

    def opt_out(self) -> None:
        """Drop queued events, and every event from now on."""
        self._opt(out=True)

    def opt_in(self) -> None:
        """Accept events again."""
        self._opt(out=False)

    def segments(self, user_id: str) -> list[int]:
        """Return the ids of the user's segments. Raises LookupFailed."""
        try:
            answer = self._http.get(self._url + lookup_path(user_id), headers=self._headers)
        except httpx.HTTPError as error:
            raise LookupFailed(f"The server did not respond: {type(error).__name__}") from error
        return segment_ids(answer.status_code, answer.content)

    def _begin(self) -> None:
        """Create everything that a forked child must not share with its parent."""
        self._core = Core(self._options)
        self._stamps = Stamps()
        self._changed = threading.Condition()
        self._http = httpx.Client(timeout=self._options.request_timeout_s)
        self._sender: threading.Thread | None = None

    def _take(self, event: Event | Report) -> None:
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
                if answer is None:
                    core.failed(request, now)
                else:
                    core.answered(request, answer, now, datetime.now(UTC))
                changed.notify_all()
            self._tell()

    def _next(self, core: Core) -> Request | None:
        """Wait for the next request; return None when the client is closed and empty."""
        while not (core.closing and not core.pending):
            request = core.next_request(time.monotonic(), datetime.now(UTC))
            if request is not None:
                return request
            self._changed.wait(core.wait_s(time.monotonic()))
        return None

    def _post(self, http: httpx.Client, request: Request) -> Answer | None:
        """Return the response, or None if there is none within the time limit of a request."""
        end = time.monotonic() + self._options.request_timeout_s
        headers = self._headers | request.headers
        try:
            with http.stream("POST", self._url + wire.BATCH_PATH, content=request.body, headers=headers) as answer:
                body = b""
                for piece in answer.iter_bytes():
                    body += piece
                    if time.monotonic() > end or len(body) > wire.MAX_ANSWER_BYTES:
                        return None
                return Answer(answer.status_code, answer.headers, body)
        except (httpx.HTTPError, httpx.InvalidURL):
            return None

    def _tell(self) -> None:
        """Deliver reports outside the lock, since a callback may call the client."""
        reports = self._core.reports
        while reports:
            try:
                report = reports.popleft()
            except IndexError:
                return
            wire.tell(self._on_error, report)


_alive: weakref.WeakSet[SegOps] = weakref.WeakSet()


def _at_exit() -> None:
    end = time.monotonic() + _AT_EXIT_S
    for client in list(_alive):
        client.shutdown(max(0.0, end - time.monotonic()))


def _in_child() -> None:
    for client in list(_alive):
        client._begin()


atexit.register(_at_exit)
os.register_at_fork(after_in_child=_in_child)
