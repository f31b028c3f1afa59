"""The closed list of metrics. Each has its meaning, a remedy for operators, and the processes that export it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)
"""Upper bounds of histogram buckets in seconds: from a cached lookup to a large computation."""
DELAYS: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)
"""The same for what waits in a queue: from a fraction of a second to the backlog of an outage."""

APIS: Final = ("auth.api", "ingest.api", "segments.api", "membership.api")
CONSUMERS: Final = ("ingest.sink", "segments.results", "membership.worker")
PROCESSES: Final = (*APIS, *CONSUMERS, "segments.outbox")
_SQL: Final = ("auth.api", "segments.api", "segments.outbox", "segments.results", "membership.api", "membership.worker")
_WAREHOUSE: Final = ("ingest.api", "ingest.sink", "membership.api", "membership.worker")


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
    processes: Sequence[str] = ()
    """The processes that export it, such as `ingest.sink`."""
    buckets: tuple[float, ...] = SECONDS
    """Upper bounds, for a histogram."""


class Metric(Enum):
    """Every metric that a SegOps process may export."""

    BUILD_INFO = Definition(
        Kind.GAUGE,
        "segops_build_info",
        "Always 1. Its labels name the process and its version.",
        "During an upgrade two versions answer. If they stay, a process was not replaced.",
        ("service", "role", "version", "python"),
        PROCESSES,
    )
    PROCESS_UP = Definition(
        Kind.GAUGE,
        "segops_process_up",
        "Whether the process answers on its internal port, 1 or 0. Only the metrics page of `make run` has it.",
        "Read the log of the process: the supervisor starts it again.",
    )
    HTTP_SECONDS = Definition(
        Kind.HISTOGRAM,
        "segops_http_request_seconds",
        "Seconds from the headers of a request to the end of its response. Probes are not counted.",
        "Find the route whose high buckets grow, then check the dependency that it waits for.",
        ("method", "route", "status"),
        PROCESSES,
    )
    RATE_LIMITED = Definition(
        Kind.COUNTER,
        "segops_rate_limited_total",
        "Requests refused by a rate limit, by what they count as.",
        "If a customer needs more, raise the limit's setting.",
        ("kind",),
        APIS,
    )
    RATE_LIMITS_LOCAL = Definition(
        Kind.COUNTER,
        "segops_rate_limits_local_total",
        "Decisions of rate limits without Redis: each process then allows the whole limit.",
        "Restore Redis.",
        (),
        APIS,
    )
    REDIS_FAILURES = Definition(
        Kind.COUNTER,
        "segops_redis_failures_total",
        "Commands of Redis that failed, or were skipped because others just did, by what Redis is used for.",
        "Restore Redis. Only without the event memory are events refused; everything else goes on, more slowly.",
        ("use",),
        (*APIS, "membership.worker"),
    )
    POOL_IN_USE = Definition(
        Kind.GAUGE,
        "segops_pool_connections_in_use",
        "Connections of a pool that are in use, and callers that wait for one of ClickHouse.",
        "At the limit, callers wait or are refused: look for slow statements, or add a replica.",
        ("pool",),
        (*_SQL, "ingest.api", "ingest.sink"),
    )
    POOL_LIMIT = Definition(
        Kind.GAUGE,
        "segops_pool_connections_limit",
        "Connections that a pool may open.",
        "Compare it with the connections in use. Multiplied by the replicas, it must fit what the engine allows.",
        ("pool",),
        (*_SQL, "ingest.api", "ingest.sink"),
    )
    CONSUMER_LAG = Definition(
        Kind.GAUGE,
        "segops_consumer_lag_records",
        "Records of a partition that its consumer group has not committed yet. Updated every 10 seconds.",
        "Add a replica, or look in the logs for a batch that is being retried.",
        ("topic", "partition"),
        CONSUMERS,
    )
    CONSUMER_LAG_SECONDS = Definition(
        Kind.GAUGE,
        "segops_consumer_lag_seconds",
        "Age of the oldest record of a partition that was read and is not finished; 0 when there is none.",
        "If it grows, no batch succeeds: read the error in the logs of the process.",
        ("topic", "partition"),
        CONSUMERS,
    )
    CONSUMER_HEALTHY = Definition(
        Kind.GAUGE,
        "segops_consumer_healthy",
        "Whether a consumer makes progress, 1 or 0: it has joined its group, and no batch keeps failing.",
        "`/readyz` of the process has the reason.",
        ("topic",),
        CONSUMERS,
    )
    CONSUMER_DELAY = Definition(
        Kind.HISTOGRAM,
        "segops_consumer_delay_seconds",
        "Seconds from the append of a record to the commit after it. For events: from receipt to storage.",
        "If it is long and batches are short, records wait: add a replica. If batches are long, the engine is slow.",
        ("topic",),
        CONSUMERS,
        DELAYS,
    )
    CONSUMER_BATCHES = Definition(
        Kind.HISTOGRAM,
        "segops_consumer_batch_seconds",
        "Seconds to process one batch, including its retries.",
        "Compare it with the latency of the engine behind the consumer.",
        ("topic",),
        CONSUMERS,
    )
    CONSUMER_RECORDS = Definition(
        Kind.COUNTER,
        "segops_consumer_records_total",
        "Records processed.",
        "Nothing to do: its rate is the throughput.",
        ("topic",),
        CONSUMERS,
    )
    CONSUMER_RETRIES = Definition(
        Kind.COUNTER,
        "segops_consumer_retries_total",
        "Attempts of batches that failed and were retried.",
        "Read the error in the logs: the engine behind the consumer is down or slow.",
        ("topic",),
        CONSUMERS,
    )
    DEAD_LETTERS = Definition(
        Kind.COUNTER,
        "segops_dead_letters_total",
        "Records that could not be processed and were moved to the dead-letter topic.",
        "Read the reason in the record's headers, fix the cause, then replay the topic.",
        ("topic", "code"),
        CONSUMERS,
    )
    INGEST_EVENTS = Definition(
        Kind.COUNTER,
        "segops_ingest_events_total",
        "Events by outcome: accepted, duplicate or refused.",
        "If `refused` rises, a sender has a bug: the error responses say which.",
        ("outcome",),
        ("ingest.api",),
    )
    INGEST_NOT_REMEMBERED = Definition(
        Kind.COUNTER,
        "segops_ingest_not_remembered_total",
        "Events that were refused with 503 because Redis could not remember them, so a retry might have counted twice.",
        "Restore Redis: senders repeat these events. Events with a time of their own are accepted without it.",
        (),
        ("ingest.api",),
    )
    INGEST_CONFLICTING = Definition(
        Kind.COUNTER,
        "segops_ingest_conflicting_events_total",
        "Events that were delivered before with other content. The first delivery stands.",
        "Read them in the table dead_letters, with code 0: a sender uses a message id twice.",
        (),
        ("ingest.api",),
    )
    INGEST_FUTURE = Definition(
        Kind.COUNTER,
        "segops_ingest_future_events_total",
        "Accepted events whose time is after their receipt. Segments ignore them until then.",
        "A sender's clock is wrong: it should send `sent_at`, by which times are corrected.",
        (),
        ("ingest.api",),
    )
    INGEST_SCHEMA_VIOLATIONS = Definition(
        Kind.COUNTER,
        "segops_ingest_schema_violations_total",
        "Events that violate the schema of their type, by outcome: warned, quarantined or refused.",
        "Read the rejections of the tenants: a sender has changed its events, or a schema is too strict.",
        ("outcome",),
        ("ingest.api",),
    )
    INGEST_WIDE = Definition(
        Kind.COUNTER,
        "segops_ingest_wide_events_total",
        "Accepted events with more than about 64 keys. The warehouse reads properties beyond 32 a part more slowly.",
        "A sender makes names out of values, such as ids: it should send them as values.",
        (),
        ("ingest.api",),
    )
    LOOKUPS = Definition(
        Kind.COUNTER,
        "segops_lookups_total",
        "Membership lookups by source: cache, local or warehouse.",
        "If the share of the cache falls, Redis is slow or down, or runs publish very often.",
        ("source",),
        ("membership.api",),
    )
    RUNS = Definition(
        Kind.COUNTER,
        "segops_runs_total",
        "Runs by final status: succeeded, failed or superseded.",
        "If `failed` rises, read the `problem` of the runs.",
        ("status",),
        ("membership.worker",),
    )
    RUNS_INCOMPLETE = Definition(
        Kind.COUNTER,
        "segops_runs_incomplete_total",
        "Runs that succeeded without every event that was acknowledged before them. They are repeated.",
        "The sink is behind: see `segops_consumer_lag_seconds` of `segops.events`.",
        (),
        ("membership.worker",),
    )
    RUN_PHASE_SECONDS = Definition(
        Kind.HISTOGRAM,
        "segops_run_phase_seconds",
        "Seconds that a run spent in a phase: numbering (with the wait for the sink), evaluating, comparing, publishing.",
        "Numbering: see the sink. Evaluating: see ClickHouse. Publishing: see PostgreSQL and the event log.",
        ("phase",),
        ("membership.worker",),
        (*SECONDS, 600.0, 1800.0),
    )
    ACTIVATION_DELIVERIES = Definition(
        Kind.COUNTER,
        "segops_activation_deliveries_total",
        "Requests to receivers of activations by outcome: succeeded or failed. A failed one is repeated.",
        "If `failed` rises, read the logs of the activations: the receivers answer with errors, or not at all.",
        ("outcome",),
        ("membership.worker",),
    )
    ACTIVATIONS_FAILING = Definition(
        Kind.GAUGE,
        "segops_activations_failing",
        "Active activations whose last delivery failed, of all tenants.",
        "One: its receiver is down. Many: this installation cannot reach the outside.",
        (),
        ("membership.worker",),
    )
    ACTIVATIONS_BACKLOG = Definition(
        Kind.GAUGE,
        "segops_activations_backlog_seconds",
        "Seconds since the first of the failing activations began to fail; 0 without any.",
        "After three days, an activation is disabled. Tell its tenant before.",
        (),
        ("membership.worker",),
    )
    ACTIVATIONS_OVERDUE = Definition(
        Kind.GAUGE,
        "segops_activations_overdue_seconds",
        "Seconds since the activation that has waited longest was due; 0 without any. Failing ones are due after their delay.",
        "Nothing is delivered, or not fast enough: read the log of membership.worker, see that it has ACTIVATION_KEY, or add one.",
        (),
        ("membership.worker",),
    )
    ACTIVATIONS_HELD = Definition(
        Kind.GAUGE,
        "segops_activations_held",
        "Activations with a run whose changes wait for a decision, because it emptied the segment or changed much of it.",
        "Somebody of the tenant approves or discards the changes.",
        (),
        ("membership.worker",),
    )
    RUNS_OPEN = Definition(
        Kind.GAUGE,
        "segops_open_runs",
        "Parts of runs that have not ended, one for each segment, by state: queued or running.",
        "If queued ones pile up, add a worker; one tenant's runs are computed one after the other.",
        ("state",),
        ("segments.outbox",),
    )
    RUNS_OPEN_AGE = Definition(
        Kind.GAUGE,
        "segops_oldest_open_run_seconds",
        "Seconds since the oldest run that has not ended was requested; 0 when there is none.",
        "Read the logs of the worker. A run without progress is sent again after its lease.",
        (),
        ("segments.outbox",),
    )
    LAST_PUBLICATION = Definition(
        Kind.GAUGE,
        "segops_last_publication_seconds",
        "Seconds since the last run that published members; 0 before the first.",
        "If hourly segments exist and it exceeds an hour, no run succeeds: see the runs and the worker.",
        (),
        ("segments.outbox",),
    )
    STALE_SEGMENTS = Definition(
        Kind.GAUGE,
        "segops_stale_hourly_segments",
        "Hourly segments whose members are not current, by reason: failed, incomplete or late.",
        "Failed: read the problem of the last run. Incomplete: see the sink. Late: see the outbox and the worker.",
        ("reason",),
        ("segments.outbox",),
    )
    STALE_AGE = Definition(
        Kind.GAUGE,
        "segops_oldest_stale_segment_seconds",
        "Seconds since the instant of the oldest members among stale hourly segments, by reason; 0 when there is none.",
        "As for the number of stale segments.",
        ("reason",),
        ("segments.outbox",),
    )
    OUTBOX_MESSAGES = Definition(
        Kind.GAUGE,
        "segops_outbox_messages",
        "Messages of the outbox that the event log does not have yet.",
        "If it grows, the event log or the role `outbox` is down.",
        (),
        ("segments.outbox",),
    )
    OUTBOX_AGE = Definition(
        Kind.GAUGE,
        "segops_outbox_age_seconds",
        "Seconds since the oldest message that waits in the outbox was written; 0 when none waits.",
        "Runs do not start and definitions do not arrive: restore the event log.",
        (),
        ("segments.outbox",),
    )
    STATE_MEASURED = Definition(
        Kind.GAUGE,
        "segops_run_state_measured_timestamp_seconds",
        "When the numbers of open runs, stale segments and the outbox were last read, in seconds since 1970.",
        "If it stands still, PostgreSQL does not answer the role `outbox`, and these numbers are old.",
        (),
        ("segments.outbox",),
    )
