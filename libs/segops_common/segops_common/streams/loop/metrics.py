"""Reports what a consumer loop does as metrics and log lines."""

from __future__ import annotations

import logging

from segops_common.streams.log import TopicPartition
from segops_common.telemetry.metrics import Metric, Metrics

_log = logging.getLogger(__name__)


class LoopMetrics:
    """A `LoopObserver` over Prometheus metrics."""

    def __init__(self, metrics: Metrics) -> None:
        self._lag = metrics.gauge(Metric.CONSUMER_LAG)
        self._seconds = metrics.histogram(Metric.CONSUMER_BATCHES)
        self._records = metrics.counter(Metric.CONSUMER_RECORDS)
        self._retries = metrics.counter(Metric.CONSUMER_RETRIES)
        self._dead = metrics.counter(Metric.DEAD_LETTERS)

    def lagging(self, source: TopicPartition, records: int) -> None:
        """See `LoopObserver`."""
        self._lag.labels(source.topic, str(source.partition)).set(records)

    def handled(self, source: TopicPartition, records: int, size: int, seconds: float) -> None:  # noqa: ARG002
        """See `LoopObserver`."""
        self._seconds.labels(source.topic).observe(seconds)
        self._records.labels(source.topic).inc(records)

    def replayed(self, source: TopicPartition) -> None:
        """See `LoopObserver`."""
        _log.info("repeating the batch that an earlier owner of %s/%d started", source.topic, source.partition)

    def dead_lettered(self, source: TopicPartition, code: str) -> None:
        """See `LoopObserver`."""
        self._dead.labels(source.topic, code).inc()

    def retrying(self, source: TopicPartition, error: str) -> None:  # noqa: ARG002
        """See `LoopObserver`."""
        self._retries.labels(source.topic).inc()
