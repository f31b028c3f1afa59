"""Trace context (W3C, level 1): taken from a request, carried into log records and messages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)
_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)


@contextmanager
def trace_context(traceparent: str | None, request_id: str | None) -> Iterator[None]:
    """Within the block, `current_traceparent` and `current_request_id` answer these; an invalid header is none."""
    valid = traceparent if traceparent and _TRACEPARENT.fullmatch(traceparent) else None
    tokens = _traceparent.set(valid), _request_id.set(request_id)
    try:
        yield
    finally:
        _traceparent.reset(tokens[0])
        _request_id.reset(tokens[1])


def current_traceparent() -> str | None:
    """The trace that the present work belongs to."""
    return _traceparent.get()


def current_request_id() -> str | None:
    """The request that the present work belongs to."""
    return _request_id.get()
