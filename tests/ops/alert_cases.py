"""Values for which each alert must fire, and others for which it must not: series in the notation of promtool."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from segops_common.telemetry.definitions import PROCESSES

MINUTES: Final = 180
"""Each series has a value for each of so many minutes."""
Series = Mapping[str, str]


def always(value: float) -> str:
    return f"{value:g}x{MINUTES}"


def rising(per_minute: float) -> str:
    return f"0+{per_minute:g}x{MINUTES}"


def late(value: float) -> str:
    """Return a series that begins ten minutes before the end."""
    return f"_x{MINUTES - 10} {value:g}x10"


def _infos(count: int) -> Series:
    names = [process.split(".") for process in PROCESSES[:count]]
    return {f'segops_build_info{{service="{service}",role="{role}",version="1"}}': always(1) for service, role in names}


def _buckets(name: str, labels: str, slow: str, fast: str) -> tuple[Series, Series]:
    """Return a histogram whose observations are all below `slow` and above `fast`, and one with all below `fast`."""

    def series(first: float) -> Series:
        counts = {fast: rising(first), slow: rising(60), "+Inf": rising(60)}
        return {f'{name}_bucket{{{labels},le="{bound}"}}': values for bound, values in counts.items()}

    return series(0), series(60)


def _requests(failed: float) -> Series:
    name, process = "segops_http_request_seconds_count", 'process="ingest.api"'
    return {
        f'{name}{{{process},status="500"}}': rising(failed),
        f'{name}{{{process},status="202"}}': rising(100 - failed),
    }


CASES: Final[Mapping[str, tuple[Series, Series]]] = {
    "SegopsProcessDown": (
        {'up{job="segops",process="ingest.sink"}': always(0), 'up{job="segops",process="auth.api"}': always(1)},
        {'segops_process_up{process="ingest.sink"}': always(1), 'up{job="other",process="x"}': always(0)},
    ),
    "SegopsProcessMissing": (_infos(7), _infos(8)),
    "SegopsProcessRestarts": (
        {'process_start_time_seconds{process="ingest.sink"}': rising(60)},
        {'process_start_time_seconds{process="ingest.sink"}': always(60)},
    ),
    "SegopsVersionsDiffer": (
        {'segops_build_info{version="1"}': always(1), 'segops_build_info{version="2"}': always(1)},
        {'segops_build_info{version="1"}': always(1), 'segops_build_info{version="2"}': late(1)},
    ),
    "SegopsRequestErrors": (_requests(5), _requests(1)),
    "SegopsLookupsSlow": _buckets(
        "segops_http_request_seconds", 'route="/api/segments/membership/",status="200"', "1.0", "0.5"
    ),
    "SegopsEventsNotRemembered": (
        {"segops_ingest_not_remembered_total": rising(1)},
        {"segops_ingest_not_remembered_total": always(7)},
    ),
    "SegopsRedisDown": (
        {'segops_redis_failures_total{process="ingest.api",use="event-memory"}': rising(4)},
        {'segops_redis_failures_total{process="ingest.api",use="event-memory"}': rising(2)},
    ),
    "SegopsEventsLate": _buckets("segops_consumer_delay_seconds", 'topic="segops.events"', "300.0", "60.0"),
    "SegopsConsumerBehind": (
        {'segops_consumer_lag_seconds{process="ingest.sink",topic="segops.events",partition="3"}': always(301)},
        {
            'segops_consumer_lag_seconds{process="ingest.sink",topic="segops.events",partition="3"}': always(299),
            'segops_consumer_lag_seconds{process="membership.worker",topic="segops.compute-jobs",partition="0"}': always(
                900
            ),
        },
    ),
    "SegopsConsumerUnhealthy": (
        {'segops_consumer_healthy{process="ingest.sink",topic="segops.events"}': always(0)},
        {'segops_consumer_healthy{process="ingest.sink",topic="segops.events"}': always(1)},
    ),
    "SegopsDeadLetters": (
        {'segops_dead_letters_total{topic="segops.events",code="27"}': late(1)},
        {'segops_dead_letters_total{topic="segops.events",code="27"}': always(5)},
    ),
    "SegopsRunsFailing": (
        {'segops_runs_total{status="failed"}': rising(1), 'segops_runs_total{status="succeeded"}': rising(1)},
        {'segops_runs_total{status="failed"}': always(9), 'segops_runs_total{status="succeeded"}': rising(1)},
    ),
    "SegopsActivationsFailing": (
        {"segops_activations_backlog_seconds": always(21_601)},
        {"segops_activations_backlog_seconds": always(21_599)},
    ),
    "SegopsActivationsWaiting": (
        {"segops_activations_overdue_seconds": always(301)},
        {"segops_activations_overdue_seconds": always(299)},
    ),
    "SegopsRunsIncomplete": (
        {"segops_runs_incomplete_total": rising(1)},
        {"segops_runs_incomplete_total": always(9)},
    ),
    "SegopsRunWaiting": (
        {"segops_oldest_open_run_seconds": always(3601)},
        {"segops_oldest_open_run_seconds": always(3599)},
    ),
    "SegopsHourlySegmentsStale": (
        {'segops_oldest_stale_segment_seconds{reason="late"}': always(10_801)},
        {
            'segops_oldest_stale_segment_seconds{reason="late"}': always(10_799),
            'segops_oldest_stale_segment_seconds{reason="failed"}': always(99_999),
        },
    ),
    "SegopsHourlySegmentsFailing": (
        {'segops_stale_hourly_segments{reason="failed"}': always(1)},
        {
            'segops_stale_hourly_segments{reason="failed"}': late(1),
            'segops_stale_hourly_segments{reason="late"}': always(1),
        },
    ),
    "SegopsNothingPublished": (
        {"segops_last_publication_seconds": always(7_201), 'segops_open_runs{state="queued"}': always(1)},
        {"segops_last_publication_seconds": always(7_201), 'segops_open_runs{state="queued"}': always(0)},
    ),
    "SegopsOutboxStuck": ({"segops_outbox_age_seconds": always(61)}, {"segops_outbox_age_seconds": always(59)}),
    "SegopsRunStateUnknown": (
        {"segops_run_state_measured_timestamp_seconds": always(0)},
        {"segops_run_state_measured_timestamp_seconds": rising(60)},
    ),
    "SegopsPoolExhausted": (
        {
            'segops_pool_connections_in_use{process="auth.api",pool="postgres"}': always(10),
            'segops_pool_connections_limit{process="auth.api",pool="postgres"}': always(10),
        },
        {
            'segops_pool_connections_in_use{process="auth.api",pool="postgres"}': always(9),
            'segops_pool_connections_limit{process="auth.api",pool="postgres"}': always(10),
        },
    ),
    "SegopsOpenFiles": (
        {'process_open_fds{process="auth.api"}': always(900), 'process_max_fds{process="auth.api"}': always(1000)},
        {'process_open_fds{process="auth.api"}': always(700), 'process_max_fds{process="auth.api"}': always(1000)},
    ),
}
"""By alert: series for which it must fire, then series for which it must not."""
