"""What happens around every request, as plain ASGI: an id, a normal path, headers, a metric and a log line."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from segops_common.contracts.http import REQUEST_ID_HEADER
from segops_common.kit.clock import Clock
from segops_common.kit.ids import Ids
from segops_common.telemetry.metrics import HttpMetrics
from segops_common.telemetry.tracing import trace_context
from segops_common.web.problems import internal_error, not_found

SECURITY_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Cache-Control", "no-store"),
)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
# A path that another server on the way might read as a different one.
_AMBIGUOUS = re.compile(rb"//|%2e|%2f|%5c|%00|\\", re.IGNORECASE)
_log = logging.getLogger("segops.access")


class RequestContext:
    """Outermost: gives the request its id, the answer its headers, and tells metrics and log about both."""

    def __init__(self, app: ASGIApp, *, clock: Clock, ids: Ids, metrics: HttpMetrics) -> None:
        self._app = app
        self._clock = clock
        self._ids = ids
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get(REQUEST_ID_HEADER, "")
        request_id = given if _REQUEST_ID.fullmatch(given) else self._ids.uuid7()
        scope.setdefault("state", {})["request_id"] = request_id
        started = self._clock.monotonic()
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                answer = MutableHeaders(scope=message)
                answer[REQUEST_ID_HEADER] = request_id
                for name, value in SECURITY_HEADERS:
                    answer.setdefault(name, value)
            await send(message)

        with trace_context(headers.get("traceparent"), request_id):
            try:
                await self._app(scope, receive, send_with_headers)
            except Exception:
                _log.exception("request failed: %s %s", scope["method"], _route(scope))
                if status:
                    raise
                await internal_error(request_id)(scope, receive, send_with_headers)
            finally:
                seconds = self._clock.monotonic() - started
                self._metrics.observe(scope["method"], _route(scope), status or 500, seconds)
                _log.debug("%s %s %d %.1f ms", scope["method"], _route(scope), status, seconds * 1000)


def _route(scope: Scope) -> str:
    """The template of the route that was found; never the path itself, which may hold anything."""
    return getattr(scope.get("route"), "path", "unrouted")


class NormalPath:
    """Serves a path without its trailing slash like the one with it, without a redirect; ambiguous paths are not found."""

    def __init__(self, app: ASGIApp, *, exact: Callable[[], frozenset[str]]) -> None:
        self._app = app
        self._exact = exact

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path: str = scope["path"]
            if _AMBIGUOUS.search(scope.get("raw_path") or path.encode()):
                await not_found(scope["state"]["request_id"])(scope, receive, send)
                return
            if not path.endswith("/") and path not in self._exact():
                scope = dict(scope) | {"path": path + "/", "raw_path": (scope.get("raw_path") or b"") + b"/"}
        await self._app(scope, receive, send)
