"""The one ASGI layer around every request: request ids, headers, metrics and access log.

It is a single layer because each further one costs every request some microseconds.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from segops_common.core.clock import Clock
from segops_common.core.ids import Ids
from segops_common.telemetry.metrics import HttpMetrics
from segops_common.telemetry.spans import Span, begin_span
from segops_common.telemetry.tracing import current_traceparent, enter_trace, leave_trace
from segops_common.web.internal_port import PROBES, InternalPort
from segops_common.web.problems import problem_response
from segops_common.web.request.charges import STATE
from segops_common.web.request.path_dispatch import RouteTable

MAX_HEADER_BYTES = 8 * 1024
"""The limit for one header, including its name."""
MAX_TARGET_BYTES = 8 * 1024
SLOW_S = 1.0
CLIENT_GONE = 499
"""The status in metrics for a request whose client went away. It is never sent."""

SECURITY_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]
UNCACHED = (b"cache-control", b"no-store")
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
# A proxy may resolve such a path to a different one.
_AMBIGUOUS = re.compile(rb"//|(?:/|%2f)(?:\.|%2e){1,2}(?:/|%2f|$)|%00|\\", re.IGNORECASE)
# Only routes that take any text in a segment accept these.
_ENCODED_SLASH = re.compile(rb"%2f|%5c", re.IGNORECASE)
_REPLACEMENT = "\ufffd"
_log = logging.getLogger("segops.access")


class Edge:
    """Assigns the request id, normalises the path, adds response headers, and records metrics and the access log.

    An unexpected error is logged here and answered without its text.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        clock: Clock,
        ids: Ids,
        metrics: HttpMetrics,
        routes: RouteTable,
        internal_port: InternalPort,
    ) -> None:
        self._app = app
        self._clock = clock
        self._ids = ids
        self._metrics = metrics
        self._routes = routes
        self._internal_port = internal_port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        header, traceparent, refusal = _read_headers(scope["headers"])
        request_id = header.decode() if header and _REQUEST_ID.fullmatch(header) else self._ids.uuid7()
        scope.setdefault("state", {})["request_id"] = request_id
        started = self._clock.monotonic()
        response = _Response(send, request_id, scope["state"])
        span = begin_span("server", parent=traceparent) if scope["path"] not in PROBES else None
        token = enter_trace(traceparent if span is None else span.traceparent, request_id)
        try:
            await self._serve(refusal or self._refuse_target(scope), scope, receive, response)
        finally:
            self._record(scope, response.status, self._clock.monotonic() - started)
            if span is not None:
                _end(span, scope, response.status)
            leave_trace(token)

    async def _serve(
        self, refusal: tuple[int, str, str] | None, scope: Scope, receive: Receive, response: _Response
    ) -> None:
        if refusal is not None:
            await _refuse(*refusal, scope, receive, response)
            return
        try:
            await self._app(scope, receive, response)
        except ClientDisconnect:
            response.status = CLIENT_GONE
        except Exception:
            _log.exception("the request failed", extra={"fields": {"method": scope["method"], "route": _route(scope)}})
            if response.status:
                raise
            await _refuse(500, "internal-error", "Internal error", scope, receive, response)

    def _refuse_target(self, scope: Scope) -> tuple[int, str, str] | None:
        """Return why the path cannot be served, or None after rewriting it as the routes spell it."""
        path: str = scope["path"]
        raw: bytes = scope.get("raw_path") or path.encode()
        if len(raw) + len(scope["query_string"]) > MAX_TARGET_BYTES:
            return 414, "uri-too-long", "The request's target is too long"
        spelled: str | None = self._routes.spelled(path)
        if _AMBIGUOUS.search(raw) or (_REPLACEMENT in path and b"%ef%bf%bd" not in raw.lower()):
            spelled = None
        elif _ENCODED_SLASH.search(raw):
            spelled = self._routes.with_opaque_segments(raw)
        if spelled is None or self._internal_port.refuses(scope, spelled):
            return 404, "not-found", "Not found"
        scope["path"] = spelled
        return None

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = _route(scope)
        if route not in PROBES:
            self._metrics.observe(scope["method"], route, status, seconds)
        level = logging.INFO if status >= 500 or seconds >= SLOW_S else logging.DEBUG
        if _log.isEnabledFor(level):
            fields = {"method": scope["method"], "route": route, "status": status, "ms": round(seconds * 1000, 1)}
            if trace := current_traceparent():
                fields["traceparent"] = trace
            _log.log(level, "request", extra={"fields": fields})


class _Response:
    """Adds the headers of every response, and remembers its status."""

    __slots__ = ("_request_id", "_send", "_state", "status")

    def __init__(self, send: Send, request_id: str, state: Mapping[str, Any]) -> None:
        self._send = send
        self._state = state
        self._request_id = (b"x-request-id", request_id.encode())
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            limits = self._state.get(STATE, ())
            headers = [*message["headers"], self._request_id, *limits, *SECURITY_HEADERS]
            if not any(name == b"cache-control" for name, _ in message["headers"]):
                headers.append(UNCACHED)
            message["headers"] = headers
        await self._send(message)


def _read_headers(
    headers: Iterable[tuple[bytes, bytes]],
) -> tuple[bytes, str | None, tuple[int, str, str] | None]:
    request_id, traceparent, refusal = b"", None, None
    for name, value in headers:
        if len(name) + len(value) > MAX_HEADER_BYTES:
            refusal = 431, "header-too-large", "A header is too large"
        elif name == b"x-request-id":
            request_id = value
        elif name == b"traceparent":
            traceparent = value.decode("latin-1")
    return request_id, traceparent, refusal


def _end(span: Span, scope: Scope, status: int) -> None:
    """End the span of a request, with the names of OpenTelemetry's conventions."""
    method, route = scope["method"], _route(scope)
    attributes = {"http.request.method": method, "http.route": route, "http.response.status_code": status}
    span.end(f"{method} {route}", attributes, is_error=status >= 500)


def _route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path", "unrouted")


async def _refuse(status: int, slug: str, title: str, scope: Scope, receive: Receive, send: Send) -> None:
    detail = "Report the request id in `instance`: the logs have the cause." if status == 500 else f"{title}."
    instance = scope["state"]["request_id"]
    response = problem_response(status=status, slug=slug, title=title, detail=detail, instance=instance)
    await response(scope, receive, send)
