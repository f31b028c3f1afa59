"""W3C trace context (level 1): taken from a request, and passed on in log lines and messages."""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import Protocol

_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_NOTHING: tuple[str | None, str | None] = (None, None)
_current: ContextVar[tuple[str | None, str | None]] = ContextVar("trace_context", default=_NOTHING)


def enter_trace(traceparent: str | None, request_id: str | None) -> Token[tuple[str | None, str | None]]:
    """Make these the current trace and request id. An invalid traceparent is ignored."""
    valid = traceparent if traceparent and _TRACEPARENT.fullmatch(traceparent) else None
    return _current.set((valid, request_id))


def leave_trace(token: Token[tuple[str | None, str | None]]) -> None:
    """Restore what was current before the `enter_trace` that returned this token."""
    _current.reset(token)


@contextmanager
def trace_context(traceparent: str | None, request_id: str | None) -> Iterator[None]:
    """Make these current for a block that continues a trace, such as a batch of a consumer."""
    token = enter_trace(traceparent, request_id)
    try:
        yield
    finally:
        leave_trace(token)


def current_traceparent() -> str | None:
    """Return the trace of the current work, or None."""
    return _current.get()[0]


class OutgoingRequest(Protocol):
    """A request to another service, such as httpx's."""

    @property
    def headers(self) -> MutableMapping[str, str]: ...


async def continue_trace(request: OutgoingRequest) -> None:
    """Send the current trace with a request: a hook for clients of other services."""
    if traceparent := current_traceparent():
        request.headers["traceparent"] = traceparent


def current_request_id() -> str | None:
    """Return the request id of the current work, or None."""
    return _current.get()[1]
