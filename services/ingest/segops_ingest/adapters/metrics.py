"""Metrics of ingestion."""

from __future__ import annotations

from segops_common.telemetry.metrics import Metric, Metrics


class IngestMetrics:
    """Counts accepted, duplicate and refused events."""

    def __init__(self, metrics: Metrics) -> None:
        events = metrics.counter(Metric.INGEST_EVENTS)
        self._accepted = events.labels("accepted")
        self._duplicates = events.labels("duplicate")
        self._refused = events.labels("refused")
        self._first_seen_missing = metrics.counter(Metric.INGEST_FIRST_SEEN_MISSING)

    def received(self, *, accepted: int, duplicates: int, refused: int) -> None:
        """Count the events of one request, see `IngestObserver`."""
        if accepted > duplicates:
            self._accepted.inc(accepted - duplicates)
        if duplicates:
            self._duplicates.inc(duplicates)
        if refused:
            self._refused.inc(refused)

    def first_seen_missing(self, events: int) -> None:
        """Count events that got a timestamp while the first-seen timestamps could not be read."""
        self._first_seen_missing.inc(events)
