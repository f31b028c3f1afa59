"""What ingestion does, in the product's metrics."""

from __future__ import annotations

from segops_common.telemetry.metrics import Metric, Metrics


class IngestMetrics:
    """Counts events by what became of them."""

    def __init__(self, metrics: Metrics) -> None:
        events = metrics.counter(Metric.INGEST_EVENTS)
        self._accepted = events.labels("accepted")
        self._duplicates = events.labels("duplicate")
        self._refused = events.labels("refused")
        self._unstamped = metrics.counter(Metric.INGEST_UNSTAMPED)

    def received(self, *, accepted: int, duplicates: int, refused: int) -> None:
        """See IngestObserver."""
        if accepted > duplicates:
            self._accepted.inc(accepted - duplicates)
        if duplicates:
            self._duplicates.inc(duplicates)
        if refused:
            self._refused.inc(refused)

    def unstamped(self, events: int) -> None:
        """So many events were dated without the stamp memory."""
        self._unstamped.inc(events)
