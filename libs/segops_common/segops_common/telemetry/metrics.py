"""Metrics for Prometheus. The names are a closed set; each says what it means and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_M = TypeVar("_M", Counter, Gauge, Histogram)


@dataclass(frozen=True, slots=True)
class Definition:
    """A metric: what it counts, in which unit, and what somebody does who sees it move."""

    name: str
    meaning: str
    remedy: str
    labels: tuple[str, ...] = ()


class Metric(Enum):
    """Every metric that a SegOps process may show."""

    HTTP_SECONDS = Definition(
        "segops_http_request_seconds",
        "Seconds from the request's head to the end of its answer.",
        "Look for the route whose high buckets grow, then at the dependency it waits for.",
        ("method", "route", "status"),
    )
    CONSUMER_LAG = Definition(
        "segops_consumer_lag_records",
        "Records of a partition that its group has not committed yet.",
        "Add a replica, or look in the log for a batch that is retried.",
        ("topic", "partition"),
    )
    CONSUMER_BATCHES = Definition(
        "segops_consumer_batch_seconds",
        "Seconds to handle one batch.",
        "Compare with the engine's own latency.",
        ("topic",),
    )
    CONSUMER_RECORDS = Definition(
        "segops_consumer_records_total", "Records handled.", "None: the rate is the throughput.", ("topic",)
    )
    CONSUMER_RETRIES = Definition(
        "segops_consumer_retries_total",
        "Batches that failed and were tried again.",
        "Read the error in the log; the engine behind the handler is down or slow.",
        ("topic",),
    )
    DEAD_LETTERS = Definition(
        "segops_dead_letters_total",
        "Records that nobody could process.",
        "Read the reason on the dead topic, mend the cause, replay.",
        ("topic", "code"),
    )
    INGEST_EVENTS = Definition(
        "segops_ingest_events_total",
        "Events by outcome of their request: accepted, duplicate or refused.",
        "A rise of `refused` is a sender's bug; the answers say which.",
        ("outcome",),
    )
    INGEST_UNSTAMPED = Definition(
        "segops_ingest_unstamped_total",
        "Events dated by this server although Redis could not remember the stamp.",
        "Bring Redis back: a retry of such an event is only merged when its sender dates it.",
    )
    LOOKUPS = Definition(
        "segops_lookups_total",
        "Membership lookups by where the answer came from: cache, local, warehouse.",
        "A fall of the cache's share means Redis is slow, or publications are very frequent.",
        ("source",),
    )
    RUNS = Definition(
        "segops_runs_total", "Runs by how they ended.", "For `failed`, read the run's problem.", ("status",)
    )


class Metrics:
    """The metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._made: dict[Metric, Counter | Gauge | Histogram] = {}

    def counter(self, metric: Metric) -> Counter:
        """The counter of that name, made when first asked for."""
        return self._get(metric, Counter)

    def gauge(self, metric: Metric) -> Gauge:
        """The gauge of that name, made when first asked for."""
        return self._get(metric, Gauge)

    def histogram(self, metric: Metric) -> Histogram:
        """The histogram of that name, in seconds, made when first asked for."""
        return self._get(metric, Histogram)

    def render(self) -> bytes:
        """All of them in the Prometheus text format."""
        return generate_latest(self.registry)

    def _get(self, metric: Metric, kind: type[_M]) -> _M:
        made = self._made.get(metric)
        if made is None:
            definition = metric.value
            made = kind(
                definition.name,
                f"{definition.meaning} {definition.remedy}",
                definition.labels,
                registry=self.registry,
            )
            self._made[metric] = made
        if not isinstance(made, kind):
            raise TypeError(f"{metric.value.name} is used as two kinds of metric")
        return made


class HttpMetrics:
    """What the middleware reports of each request."""

    def __init__(self, metrics: Metrics) -> None:
        self._seconds = metrics.histogram(Metric.HTTP_SECONDS)

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """One finished request."""
        self._seconds.labels(method, route, str(status)).observe(seconds)
