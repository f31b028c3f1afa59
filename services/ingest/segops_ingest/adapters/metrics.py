"""What ingestion does, in the product's metrics."""

from __future__ import annotations

import logging

from segops_common.streams.log import TopicPartition
from segops_common.telemetry.metrics import Metric, Metrics

_log = logging.getLogger(__name__)


class IntakeMetrics:
    """Counts events by what became of them."""

    def __init__(self, metrics: Metrics) -> None:
        events = metrics.counter(Metric.INGEST_EVENTS)
        self._accepted = events.labels("accepted")
        self._duplicates = events.labels("duplicate")
        self._refused = events.labels("refused")
        self._unstamped = metrics.counter(Metric.INGEST_UNSTAMPED)

    def received(self, *, accepted: int, duplicates: int, refused: int) -> None:
        """See IntakeObserver."""
        if accepted > duplicates:
            self._accepted.inc(accepted - duplicates)
        if duplicates:
            self._duplicates.inc(duplicates)
        if refused:
            self._refused.inc(refused)

    def unstamped(self, events: int) -> None:
        """So many events were dated without the stamp memory."""
        self._unstamped.inc(events)


class SinkMetrics:
    """What the consumer loop reports, for one topic."""

    def __init__(self, metrics: Metrics) -> None:
        self._lag = metrics.gauge(Metric.CONSUMER_LAG)
        self._seconds = metrics.histogram(Metric.CONSUMER_BATCHES)
        self._records = metrics.counter(Metric.CONSUMER_RECORDS)
        self._retries = metrics.counter(Metric.CONSUMER_RETRIES)
        self._dead = metrics.counter(Metric.DEAD_LETTERS)

    def lagging(self, source: TopicPartition, records: int) -> None:
        """See LoopObserver."""
        self._lag.labels(source.topic, str(source.partition)).set(records)

    def handled(self, source: TopicPartition, records: int, size: int, seconds: float) -> None:  # noqa: ARG002
        """See LoopObserver."""
        self._seconds.labels(source.topic).observe(seconds)
        self._records.labels(source.topic).inc(records)

    def replayed(self, source: TopicPartition) -> None:
        """See LoopObserver."""
        _log.info("repeating the batch that an earlier owner of %s/%d began", source.topic, source.partition)

    def dead_lettered(self, source: TopicPartition, code: str) -> None:
        """See LoopObserver."""
        self._dead.labels(source.topic, code).inc()

    def retrying(self, source: TopicPartition, error: str) -> None:  # noqa: ARG002
        """See LoopObserver."""
        self._retries.labels(source.topic).inc()
