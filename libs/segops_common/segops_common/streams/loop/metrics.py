"""Reports what a consumer loop does as metrics and log lines."""

from __future__ import annotations

import logging
from collections.abc import Callable

from segops_common.core.clock import Clock
from segops_common.streams.log import TopicPartition
from segops_common.streams.loop.batches import Batch
from segops_common.telemetry.metrics import Metric, Metrics

_log = logging.getLogger(__name__)


class LoopMetrics:
    """A `LoopObserver` over Prometheus metrics."""

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        self._clock = clock
        self._lag = metrics.gauge(Metric.CONSUMER_LAG)
        self._lag_seconds = metrics.gauge(Metric.CONSUMER_LAG_SECONDS)
        self._healthy = metrics.gauge(Metric.CONSUMER_HEALTHY)
        self._delay = metrics.histogram(Metric.CONSUMER_DELAY)
        self._seconds = metrics.histogram(Metric.CONSUMER_BATCHES)
        self._records = metrics.counter(Metric.CONSUMER_RECORDS)
        self._retries = metrics.counter(Metric.CONSUMER_RETRIES)
        self._dead = metrics.counter(Metric.DEAD_LETTERS)

    def begin(self, topic: str, is_healthy: Callable[[], bool]) -> None:
        """Export zeros for the topic, and whether its loop makes progress, which is asked at each scrape."""
        self._healthy.labels(topic).set_function(is_healthy)
        for metric in (self._delay, self._seconds, self._records, self._retries):
            metric.labels(topic)

    def assigned(self, source: TopicPartition, oldest_ms: Callable[[], int | None]) -> None:
        """See `LoopObserver`. The age is computed at each scrape, so it grows also while the loop stands still."""

        def age_s() -> float:
            appended_ms = oldest_ms()
            return 0.0 if appended_ms is None else _seconds_between(appended_ms, self._now_ms())

        self._lag_seconds.labels(source.topic, str(source.partition)).set_function(age_s)

    def released(self, source: TopicPartition) -> None:
        """See `LoopObserver`. Another process reports the partition from now on."""
        for gauge in (self._lag, self._lag_seconds):
            gauge.remove(source.topic, str(source.partition))

    def lagging(self, source: TopicPartition, records: int) -> None:
        """See `LoopObserver`."""
        self._lag.labels(source.topic, str(source.partition)).set(records)

    def handled(self, batch: Batch, seconds: float) -> None:
        """See `LoopObserver`."""
        self._seconds.labels(batch.topic).observe(seconds)
        self._records.labels(batch.topic).inc(len(batch.records))
        delay, now_ms = self._delay.labels(batch.topic), self._now_ms()
        for record in batch.records:
            delay.observe(_seconds_between(record.timestamp_ms, now_ms))

    def replayed(self, source: TopicPartition) -> None:
        """See `LoopObserver`."""
        _log.info("repeating the batch that an earlier owner of %s/%d started", source.topic, source.partition)

    def dead_lettered(self, source: TopicPartition, code: str) -> None:
        """See `LoopObserver`."""
        self._dead.labels(source.topic, code).inc()

    def retrying(self, source: TopicPartition, error: str) -> None:  # noqa: ARG002
        """See `LoopObserver`."""
        self._retries.labels(source.topic).inc()

    def _now_ms(self) -> float:
        return self._clock.now().timestamp() * 1000


def _seconds_between(appended_ms: int, now_ms: float) -> float:
    """Return 0 when the writer's clock is ahead."""
    return max(0.0, (now_ms - appended_ms) / 1000)
