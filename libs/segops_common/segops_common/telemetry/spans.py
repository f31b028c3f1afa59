"""Spans: what a process did for a trace, and how long it took. Without a tracer, nothing is made and nothing is sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal, Protocol

SpanKind = Literal["server", "consumer"]
Attributes = Mapping[str, str | int]
MAX_LINKS: Final = 32
"""Traces that a batch leads to. A batch may have thousands of records."""


class Span(Protocol):
    """A piece of work of a trace, until its end."""

    @property
    def traceparent(self) -> str:
        """The W3C trace context of what this work causes."""
        ...

    def end(self, name: str, attributes: Attributes, *, is_error: bool) -> None:
        """End the span. It gets its name now, because the route of a request is not known before."""
        ...


class Tracer(Protocol):
    """Begins spans, and sends them away in the background."""

    def begin(self, kind: SpanKind, *, parent: str | None = None, links: Iterable[str] = ()) -> Span | None:
        """Begin a span of the trace of `parent`, or of a new trace. `links` are traces that it also concerns.

        Return None when the tracer is switched off.
        """
        ...

    def close(self) -> None:
        """Send what is left, for at most some seconds."""
        ...


class _Process:
    """What this process uses, as it has one configuration of logs."""

    tracer: Tracer | None = None


def use_tracer(tracer: Tracer | None) -> None:
    """Let this process make spans; None: no more."""
    _Process.tracer = tracer


def begin_span(kind: SpanKind, *, parent: str | None = None, links: Iterable[str] = ()) -> Span | None:
    """Begin a span, or return None without a tracer."""
    tracer = _Process.tracer
    return None if tracer is None else tracer.begin(kind, parent=parent, links=links)


def close_tracer() -> None:
    """Send what is left, and make no more spans."""
    tracer, _Process.tracer = _Process.tracer, None
    if tracer is not None:
        tracer.close()
