"""Prometheus metrics: a closed list. Each has its meaning, and a remedy for operators."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_M = TypeVar("_M", Counter, Gauge, Histogram)

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)
"""Upper bounds of histogram buckets in seconds: from a cached lookup to a large computation."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Kind(StrEnum):
    """A counter only increases, a gauge goes up and down, a histogram counts durations by bucket."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Definition:
    """A metric: what it measures, in which unit, and what an operator should do when it changes."""

    kind: Kind
    name: str
    meaning: str
    remedy: str
    labels: tuple[str, ...] = ()


class Metric(Enum):
    """Every metric that a SegOps process may export."""

    HTTP_SECONDS = Definition(
        Kind.HISTOGRAM,
        "segops_http_request_seconds",
        "Seconds from the headers of a request to the end of its response.",
        "Find the route whose high buckets grow, then check the dependency that it waits for.",
        ("method", "route", "status"),
    )
    RATE_LIMITED = Definition(
        Kind.COUNTER,
        "segops_rate_limited_total",
        "Requests refused by a rate limit, by what they count as.",
        "If a customer needs more, raise the limit's setting.",
        ("kind",),
    )
    RATE_LIMITS_LOCAL = Definition(
        Kind.COUNTER,
        "segops_rate_limits_local_total",
        "Decisions of rate limits without Redis: each process then allows the whole limit.",
        "Restore Redis.",
    )
    CONSUMER_LAG = Definition(
        Kind.GAUGE,
        "segops_consumer_lag_records",
        "Records of a partition that its consumer group has not committed yet.",
        "Add a replica, or look in the logs for a batch that is being retried.",
        ("topic", "partition"),
    )
    CONSUMER_BATCHES = Definition(
        Kind.HISTOGRAM,
        "segops_consumer_batch_seconds",
        "Seconds to process one batch, including its retries.",
        "Compare it with the latency of the engine behind the consumer.",
        ("topic",),
    )
    CONSUMER_RECORDS = Definition(
        Kind.COUNTER,
        "segops_consumer_records_total",
        "Records processed.",
        "Nothing to do: its rate is the throughput.",
        ("topic",),
    )
    CONSUMER_RETRIES = Definition(
        Kind.COUNTER,
        "segops_consumer_retries_total",
        "Attempts of batches that failed and were retried.",
        "Read the error in the logs: the engine behind the consumer is down or slow.",
        ("topic",),
    )
    DEAD_LETTERS = Definition(
        Kind.COUNTER,
        "segops_dead_letters_total",
        "Records that could not be processed and were moved to the dead-letter topic.",
        "Read the reason in the record's headers, fix the cause, then replay the topic.",
        ("topic", "code"),
    )
    INGEST_EVENTS = Definition(
        Kind.COUNTER,
        "segops_ingest_events_total",
        "Events by outcome: accepted, duplicate or refused.",
        "If `refused` rises, a sender has a bug: the error responses say which.",
        ("outcome",),
    )
    INGEST_NOT_REMEMBERED = Definition(
        Kind.COUNTER,
        "segops_ingest_not_remembered_total",
        "Events that were refused with 503 because Redis could not remember them, so a retry might have counted twice.",
        "Restore Redis: senders repeat these events. Events with a time of their own are accepted without it.",
    )
    INGEST_CONFLICTING = Definition(
        Kind.COUNTER,
        "segops_ingest_conflicting_events_total",
        "Events that were delivered before with other content. The first delivery stands.",
        "Read them in the table dead_letters, with code 0: a sender uses a message id twice.",
    )
    INGEST_FUTURE = Definition(
        Kind.COUNTER,
        "segops_ingest_future_events_total",
        "Accepted events whose time is after their receipt. Segments ignore them until then.",
        "A sender's clock is wrong: it should send `sent_at`, by which times are corrected.",
    )
    INGEST_WIDE = Definition(
        Kind.COUNTER,
        "segops_ingest_wide_events_total",
        "Accepted events with more than about 64 keys. The warehouse reads properties beyond 32 a part more slowly.",
        "A sender makes names out of values, such as ids: it should send them as values.",
    )
    LOOKUPS = Definition(
        Kind.COUNTER,
        "segops_lookups_total",
        "Membership lookups by source: cache, local or warehouse.",
        "If the share of the cache falls, Redis is slow or down, or runs publish very often.",
        ("source",),
    )
    RUNS = Definition(
        Kind.COUNTER,
        "segops_runs_total",
        "Runs by final status.",
        "If `failed` rises, read the `problem` of the runs.",
        ("status",),
    )


class Metrics:
    """The metrics of one process, in their own registry."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._instruments: dict[Metric, Counter | Gauge | Histogram] = {}

    def counter(self, metric: Metric) -> Counter:
        """Return the counter, which is created on first use."""
        return self._get(metric, Counter)

    def gauge(self, metric: Metric) -> Gauge:
        """Return the gauge, which is created on first use."""
        return self._get(metric, Gauge)

    def histogram(self, metric: Metric) -> Histogram:
        """Return the histogram of seconds, which is created on first use."""
        return self._get(metric, Histogram)

    def render(self) -> bytes:
        """Return all metrics in the Prometheus text format."""
        return generate_latest(self.registry)

    def _get(self, metric: Metric, kind: type[_M]) -> _M:
        instrument = self._instruments.get(metric)
        if instrument is None:
            instrument = self._instruments[metric] = self._make(metric.value)
        if not isinstance(instrument, kind):
            raise TypeError(f"{metric.value.name} is a {metric.value.kind}")
        return instrument

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
    """Measures HTTP requests."""

    def __init__(self, metrics: Metrics) -> None:
        self._seconds = metrics.histogram(Metric.HTTP_SECONDS)
        self._children: dict[tuple[str, str, int], Histogram] = {}

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """Record a finished request. `route` is the route's template, so that there are few label values."""
        label = (method if method in _METHODS else "other", route, status)
        child = self._children.get(label)
        if child is None:
            child = self._children[label] = self._seconds.labels(label[0], route, str(status))
        child.observe(seconds)
