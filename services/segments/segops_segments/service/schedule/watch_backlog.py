"""Exports what waits over all tenants as metrics."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import get_args

from segops_common.core.clock import Clock
from segops_common.telemetry.metrics import Metric, Metrics
from segops_segments.domain.backlog import LATE_AFTER, Backlog, StaleCause
from segops_segments.ports.transactions import Store


class WatchBacklog:
    """Keeps the backlog that was read last. Ages are computed at each scrape, so they grow while nothing is read."""

    def __init__(self, *, store: Store, clock: Clock, metrics: Metrics) -> None:
        self._store = store
        self._clock = clock
        self._last = Backlog()
        runs = metrics.gauge(Metric.RUNS_OPEN)
        runs.labels("queued").set_function(lambda: self._last.queued)
        runs.labels("running").set_function(lambda: self._last.running)
        metrics.gauge(Metric.RUNS_OPEN_AGE).set_function(lambda: self._age_s(self._last.oldest_request))
        metrics.gauge(Metric.LAST_PUBLICATION).set_function(lambda: self._age_s(self._last.last_publication))
        metrics.gauge(Metric.OUTBOX_MESSAGES).set_function(lambda: self._last.messages)
        metrics.gauge(Metric.OUTBOX_AGE).set_function(lambda: self._age_s(self._last.oldest_message))
        for cause in get_args(StaleCause):
            metrics.gauge(Metric.STALE_SEGMENTS).labels(cause).set_function(self._stale_count(cause))
            metrics.gauge(Metric.STALE_AGE).labels(cause).set_function(self._stale_age_s(cause))
        self._measured = metrics.gauge(Metric.STATE_MEASURED)

    async def read(self) -> None:
        """Read the backlog anew. Raises Unavailable."""
        now = self._clock.now()
        self._last = await self._store.backlog(now - LATE_AFTER)
        self._measured.set(now.timestamp())

    def _stale_count(self, cause: StaleCause) -> Callable[[], float]:
        return lambda: stale.count if (stale := self._last.stale.get(cause)) else 0

    def _stale_age_s(self, cause: StaleCause) -> Callable[[], float]:
        return lambda: self._age_s(stale.since if (stale := self._last.stale.get(cause)) else None)

    def _age_s(self, since: datetime | None) -> float:
        return 0.0 if since is None else max(0.0, (self._clock.now() - since).total_seconds())
