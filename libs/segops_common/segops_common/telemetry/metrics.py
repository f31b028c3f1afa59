"""The metrics of a process, in the Prometheus text format. `definitions.py` lists all of them."""

from __future__ import annotations

import platform
from collections.abc import Callable
from typing import Final, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)

from segops_common import __version__
from segops_common.telemetry.definitions import Definition, Kind, Metric

__all__ = ["Definition", "HttpMetrics", "Kind", "Metric", "Metrics"]

# Otherwise every counter and histogram would export a second series with the time of its creation.
disable_created_metrics()  # type: ignore[no-untyped-call]

_M = TypeVar("_M", Counter, Gauge, Histogram)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


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

    def identify(self, *, service: str, role: str) -> None:
        """Export the version of the process, and its processor time, memory and open files."""
        self.gauge(Metric.BUILD_INFO).labels(service, role, __version__, platform.python_version()).set(1)
        ProcessCollector(registry=self.registry)

    def watch_pool(self, name: str, *, limit: int, in_use: Callable[[], int]) -> None:
        """Export how many connections of a pool are in use, which is asked at each scrape."""
        self.gauge(Metric.POOL_LIMIT).labels(name).set(limit)
        self.gauge(Metric.POOL_IN_USE).labels(name).set_function(in_use)

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
                return Histogram(
                    definition.name, text, definition.labels, registry=self.registry, buckets=definition.buckets
                )


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
