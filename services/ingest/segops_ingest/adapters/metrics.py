"""Metrics of ingestion."""

from __future__ import annotations

from segops_common.telemetry.metrics import Metric, Metrics
from segops_ingest.ports.observer import Outcome


class IngestMetrics:
    """Counts events by outcome."""

    def __init__(self, metrics: Metrics) -> None:
        events = metrics.counter(Metric.INGEST_EVENTS)
        self._accepted = events.labels("accepted")
        self._duplicates = events.labels("duplicate")
        self._refused = events.labels("refused")
        self._conflicting = metrics.counter(Metric.INGEST_CONFLICTING)
        self._future = metrics.counter(Metric.INGEST_FUTURE)
        self._wide = metrics.counter(Metric.INGEST_WIDE)
        violations = metrics.counter(Metric.INGEST_SCHEMA_VIOLATIONS)
        self._quarantined = violations.labels("quarantined")
        self._schema_warned = violations.labels("warned")
        self._schema_refused = violations.labels("refused")
        self._not_remembered = metrics.counter(Metric.INGEST_NOT_REMEMBERED)

    def received(self, outcome: Outcome) -> None:
        """Count the events of one request, see `IngestObserver`."""
        self._accepted.inc(max(0, outcome.accepted - outcome.duplicates))
        if outcome.duplicates:
            self._duplicates.inc(outcome.duplicates)
        if outcome.refused:
            self._refused.inc(outcome.refused)
        if outcome.conflicting:
            self._conflicting.inc(outcome.conflicting)
        if outcome.future:
            self._future.inc(outcome.future)
        if outcome.wide:
            self._wide.inc(outcome.wide)
        if outcome.quarantined or outcome.schema_warned or outcome.schema_refused:
            self._quarantined.inc(outcome.quarantined)
            self._schema_warned.inc(outcome.schema_warned)
            self._schema_refused.inc(outcome.schema_refused)

    def not_remembered(self, events: int) -> None:
        """Count events that were refused, see `IngestObserver`."""
        self._not_remembered.inc(events)
