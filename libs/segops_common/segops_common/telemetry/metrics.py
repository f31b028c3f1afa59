"""Metrics for Prometheus. The names are a closed set; each says what it means and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_M = TypeVar("_M", Counter, Gauge, Histogram)

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)
"""Upper bounds of the histograms' buckets: from a cached lookup to a large computation."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Kind(StrEnum):
    """A counter only grows, a gauge goes up and down, a histogram counts seconds by size."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Definition:
    """A metric: what it counts, in which unit, and what somebody does who sees it move."""

    kind: Kind
    name: str
    meaning: str
    remedy: str
    labels: tuple[str, ...] = ()


class Metric(Enum):
    """Every metric that a SegOps process may show."""

    HTTP_SECONDS = Definition(
        Kind.HISTOGRAM,
        "segops_http_request_seconds",
        "Seconds from the request's head to the end of its answer.",
        "Look for the route whose high buckets grow, then at the dependency it waits for.",
        ("method", "route", "status"),
    )
    CONSUMER_LAG = Definition(
        Kind.GAUGE,
        "segops_consumer_lag_records",
        "Records of a partition that its group has not committed yet.",
        "Add a replica, or look in the log for a batch that is retried.",
        ("topic", "partition"),
    )
    CONSUMER_BATCHES = Definition(
        Kind.HISTOGRAM,
        "segops_consumer_batch_seconds",
        "Seconds to handle one batch.",
        "Compare with the engine's own latency.",
        ("topic",),
    )
    CONSUMER_RECORDS = Definition(
        Kind.COUNTER,
        "segops_consumer_records_total",
        "Records handled.",
        "None: the rate is the throughput.",
        ("topic",),
    )
    CONSUMER_RETRIES = Definition(
        Kind.COUNTER,
        "segops_consumer_retries_total",
        "Batches that failed and were tried again.",
        "Read the error in the log; the engine behind the handler is down or slow.",
        ("topic",),
    )
    DEAD_LETTERS = Definition(
        Kind.COUNTER,
        "segops_dead_letters_total",
        "Records that nobody could process.",
        "Read the reason on the dead topic, mend the cause, replay.",
        ("topic", "code"),
    )
    INGEST_EVENTS = Definition(
        Kind.COUNTER,
        "segops_ingest_events_total",
        "Events by outcome of their request: accepted, duplicate or refused.",
        "A rise of `refused` is a sender's bug; the answers say which.",
        ("outcome",),
    )
    INGEST_UNSTAMPED = Definition(
        Kind.COUNTER,
        "segops_ingest_unstamped_total",
        "Events dated by this server although Redis could not remember the stamp.",
        "Bring Redis back: a retry of such an event is only merged when its sender dates it.",
    )
    LOOKUPS = Definition(
        Kind.COUNTER,
        "segops_lookups_total",
        "Membership lookups by where the answer came from: cache, local, warehouse.",
        "A fall of the cache's share means Redis is slow, or publications are very frequent.",
        ("source",),
    )
    RUNS = Definition(
        Kind.COUNTER,
        "segops_runs_total",
        "Runs by how they ended.",
        "For `failed`, read the run's problem.",
        ("status",),
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
            made = self._made[metric] = self._make(metric.value)
        if not isinstance(made, kind):
            raise TypeError(f"{metric.value.name} is a {metric.value.kind}")
        return made

    def _make(self, definition: Definition) -> Counter | Gauge | Histogram:
        text = f"{definition.meaning} {definition.remedy}"
        match definition.kind:
            case Kind.COUNTER:
                return Counter(definition.name, text, definition.labels, registry=self.registry)
            case Kind.GAUGE:
                return Gauge(definition.name, text, definition.labels, registry=self.registry)
            case Kind.HISTOGRAM:
                return Histogram(definition.name, text, definition.labels, registry=self.registry, buckets=SECONDS)


class HttpMetrics:
    """What the HTTP layer reports of each request."""

    def __init__(self, metrics: Metrics) -> None:
        self._seconds = metrics.histogram(Metric.HTTP_SECONDS)
        self._known: dict[tuple[str, str, int], Histogram] = {}

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """One finished request; `route` is the route's template, so that its values are few."""
        label = (method if method in _METHODS else "other", route, status)
        found = self._known.get(label)
        if found is None:
            found = self._known[label] = self._seconds.labels(label[0], route, str(status))
        found.observe(seconds)
