"""Trace context (W3C, level 1): taken from a request, carried into log records and messages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token

_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_NOTHING: tuple[str | None, str | None] = (None, None)
_current: ContextVar[tuple[str | None, str | None]] = ContextVar("trace_context", default=_NOTHING)


def enter_trace(traceparent: str | None, request_id: str | None) -> Token[tuple[str | None, str | None]]:
    """From now on `current_traceparent` and `current_request_id` answer these; an invalid traceparent is none."""
    valid = traceparent if traceparent and _TRACEPARENT.fullmatch(traceparent) else None
    return _current.set((valid, request_id))


def leave_trace(token: Token[tuple[str | None, str | None]]) -> None:
    """Back to what held before `enter_trace` gave this token."""
    _current.reset(token)


@contextmanager
def trace_context(traceparent: str | None, request_id: str | None) -> Iterator[None]:
    """The two as a block: for work that continues a trace, such as one batch of a consumer."""
    token = enter_trace(traceparent, request_id)
    try:
        yield
    finally:
        leave_trace(token)


def current_traceparent() -> str | None:
    """The trace that the present work belongs to."""
    return _current.get()[0]


def current_request_id() -> str | None:
    """The request that the present work belongs to."""
    return _current.get()[1]
