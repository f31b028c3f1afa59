"""The metrics of what waits: ages grow at each scrape, also while PostgreSQL does not answer."""

from __future__ import annotations

from datetime import datetime

from prometheus_client import CollectorRegistry

from segops_common.core.problems import Unavailable
from segops_common.telemetry.metrics import Metrics
from segops_segments.adapters.memory.store import MemoryStore
from segops_segments.consumers.backlog import backlog_timer
from segops_segments.domain.backlog import Backlog
from segops_segments.service.schedule.watch_backlog import WatchBacklog
from segops_testkit.clock import ManualClock
from tests.unit.segments.harness import START, RunsHarness
from tests.unit.segments.test_consumers import run_once


class ReadOnceStore(MemoryStore):
    """Answers the first question about the backlog only."""

    answers = 1

    async def backlog(self, late_before: datetime) -> Backlog:
        self.answers -= 1
        if self.answers < 0:
            raise Unavailable("The database does not answer.")
        return await super().backlog(late_before)


def value(registry: CollectorRegistry, name: str, **labels: str) -> float:
    sample = registry.get_sample_value(name, labels)
    assert sample is not None, name
    return sample


async def test_open_runs_and_the_outbox_are_counted_and_age() -> None:
    harness, metrics = RunsHarness(), Metrics()
    registry = metrics.registry
    backlog = WatchBacklog(store=harness.store, clock=harness.clock, metrics=metrics)
    assert value(registry, "segops_outbox_messages") == value(registry, "segops_oldest_open_run_seconds") == 0
    await harness.request(await harness.create())
    await run_once(backlog_timer(backlog))
    assert value(registry, "segops_open_runs", state="queued") == 1
    assert value(registry, "segops_open_runs", state="running") == 0
    assert value(registry, "segops_outbox_messages") == 2
    assert value(registry, "segops_run_state_measured_timestamp_seconds") == START.timestamp()
    harness.clock.advance(60)
    assert value(registry, "segops_outbox_age_seconds") == value(registry, "segops_oldest_open_run_seconds") == 60
    await harness.relay()
    await backlog.read()
    assert value(registry, "segops_outbox_messages") == value(registry, "segops_outbox_age_seconds") == 0
    assert value(registry, "segops_oldest_open_run_seconds") == 60


async def test_a_later_message_starts_a_new_age() -> None:
    harness, metrics = RunsHarness(), Metrics()
    backlog = WatchBacklog(store=harness.store, clock=harness.clock, metrics=metrics)
    await harness.create("one")
    await backlog.read()
    harness.clock.advance(60)
    await harness.relay()
    await harness.create("other")
    await backlog.read()
    harness.clock.advance(5)
    assert value(metrics.registry, "segops_outbox_age_seconds") == 5


async def test_the_age_of_a_message_is_known_to_a_process_that_starts() -> None:
    harness = RunsHarness()
    await harness.create()
    harness.clock.advance(60)
    metrics = Metrics()
    await WatchBacklog(store=harness.store, clock=harness.clock, metrics=metrics).read()
    assert value(metrics.registry, "segops_outbox_age_seconds") == 60


async def test_an_hourly_segment_without_a_run_is_late_after_two_hours() -> None:
    harness, metrics = RunsHarness(), Metrics()
    registry = metrics.registry
    backlog = WatchBacklog(store=harness.store, clock=harness.clock, metrics=metrics)
    await harness.create(refresh="hourly")
    await backlog.read()
    assert value(registry, "segops_stale_hourly_segments", reason="late") == 0
    harness.clock.advance(7_201)
    await backlog.read()
    assert value(registry, "segops_stale_hourly_segments", reason="late") == 1
    assert value(registry, "segops_oldest_stale_segment_seconds", reason="late") == 7_201
    assert value(registry, "segops_oldest_stale_segment_seconds", reason="failed") == 0


async def test_a_store_that_does_not_answer_leaves_the_last_numbers_and_their_time() -> None:
    clock, metrics = ManualClock(START), Metrics()
    harness = RunsHarness(store=ReadOnceStore(clock=clock))
    backlog = WatchBacklog(store=harness.store, clock=harness.clock, metrics=metrics)
    await harness.create()
    await backlog.read()
    harness.clock.advance(30)
    await run_once(backlog_timer(backlog))
    assert value(metrics.registry, "segops_run_state_measured_timestamp_seconds") == START.timestamp()
    assert value(metrics.registry, "segops_outbox_age_seconds") == 30
