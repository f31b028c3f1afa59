"""Continues the traces of records while a batch is handled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice

from segops_common.contracts.topics import TRACEPARENT_HEADER
from segops_common.streams.log import Record
from segops_common.streams.loop.batches import Batch
from segops_common.telemetry.spans import MAX_LINKS, begin_span
from segops_common.telemetry.tracing import trace_context


@contextmanager
def continued_trace(batch: Batch) -> Iterator[None]:
    """Make the trace of a single record the current one. A batch of several gets a trace of its own, with links."""
    parent = traceparent_of(batch.records[0]) if len(batch.records) == 1 else None
    span = begin_span("consumer", parent=parent, links=() if len(batch.records) == 1 else _Links(batch.records))
    is_error = True
    try:
        with trace_context(parent if span is None else span.traceparent, None):
            yield
        is_error = False
    finally:
        if span is not None:
            span.end(f"process {batch.topic}", _attributes(batch), is_error=is_error)


class _Links:
    """The distinct traces of records, which are read only if there is a tracer: a batch may have thousands of records."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records

    def __iter__(self) -> Iterator[str]:
        traces = filter(None, map(traceparent_of, self._records))
        return islice(dict.fromkeys(traces), MAX_LINKS)


def traceparent_of(record: Record) -> str | None:
    """Return the trace context that the writer of the record has sent with it."""
    value = next((value for name, value in record.headers if name == TRACEPARENT_HEADER), None)
    return None if value is None else value.decode("latin-1")


def _attributes(batch: Batch) -> dict[str, str | int]:
    """Return attributes with the names of OpenTelemetry's conventions."""
    return {
        "messaging.destination.name": batch.topic,
        "messaging.destination.partition.id": str(batch.partition),
        "messaging.batch.message_count": len(batch.records),
    }
