"""The alerts. Each has a page in docs/runbooks, whose name is that of the alert without `Segops` in kebab case."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from segops_common.contracts.http import MEMBERSHIP_PREFIX
from segops_common.telemetry.definitions import PROCESSES, Metric

Severity = Literal["critical", "warning"]
"""Critical: somebody must act now. Warning: somebody should look during the day."""

RUNBOOKS: Final = "docs/runbooks"
PREFIX: Final = "Segops"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Fires when `value` compares with `threshold` for as long as `hold`. The value exists while all is well too."""

    name: str
    summary: str
    value: str
    compare: Literal[">", ">=", "<"] = ">"
    threshold: float = 0
    hold: str
    severity: Severity

    @property
    def expression(self) -> str:
        """The condition in PromQL."""
        return f"{self.value} {self.compare} {self.threshold:g}"

    @property
    def runbook(self) -> str:
        """The path of its page."""
        words = re.findall(r"[A-Z][a-z]*", self.name.removeprefix(PREFIX))
        return f"{RUNBOOKS}/{'-'.join(words).lower()}.md"


def _name(metric: Metric, suffix: str = "") -> str:
    return metric.value.name + suffix


def _quantile(metric: Metric, *, by: str = "", where: str = "", window: str = "5m") -> str:
    labels = f"le, {by}" if by else "le"
    rate = f"rate({_name(metric, '_bucket')}{where}[{window}])"
    return f"histogram_quantile(0.99, sum by ({labels}) ({rate}))"


_HTTP: Final = _name(Metric.HTTP_SECONDS, "_count")
_BY_PROCESS: Final = f"sum by (process) (rate({_HTTP}[5m]))"
# Without a failure there is no series of failures, so the numerator falls back to 0.
_FAILED: Final = f'(sum by (process) (rate({_HTTP}{{status=~"5.."}}[5m])) or 0 * {_BY_PROCESS})'
_DEAD: Final = f"sum by (topic, code) ({_name(Metric.DEAD_LETTERS)})"
_DEAD_BEFORE: Final = f"sum by (topic, code) ({_name(Metric.DEAD_LETTERS)} offset 1h)"
_RUNS: Final = f"sum(increase({_name(Metric.RUNS)}[1h]))"
_RUNS_FAILED: Final = f'sum(increase({_name(Metric.RUNS)}{{status="failed"}}[1h]))'

ALERTS: Final = (
    Alert(
        name="SegopsProcessDown",
        summary="{{ $labels.process }} does not answer.",
        value=f'min by (process) ({_name(Metric.PROCESS_UP)} or up{{job="segops",process!=""}})',
        compare="<",
        threshold=1,
        hold="2m",
        severity="critical",
    ),
    Alert(
        name="SegopsProcessMissing",
        summary=f"Only {{{{ $value }}}} of the {len(PROCESSES)} kinds of processes are measured.",
        value=f"(count(count by (service, role) ({_name(Metric.BUILD_INFO)})) or vector(0))",
        compare="<",
        threshold=len(PROCESSES),
        hold="5m",
        severity="critical",
    ),
    Alert(
        name="SegopsProcessRestarts",
        summary="{{ $labels.process }} has started {{ $value }} times again within half an hour.",
        value="max by (process) (changes(process_start_time_seconds[30m]))",
        compare=">=",
        threshold=3,
        hold="1m",
        severity="warning",
    ),
    Alert(
        name="SegopsVersionsDiffer",
        summary="{{ $value }} versions have run side by side for an hour.",
        value=f"count(count by (version) ({_name(Metric.BUILD_INFO)}))",
        threshold=1,
        hold="1h",
        severity="warning",
    ),
    Alert(
        name="SegopsRequestErrors",
        summary="{{ $labels.process }} answers {{ $value | humanizePercentage }} of its requests with 5xx.",
        value=f"{_FAILED} / {_BY_PROCESS}",
        threshold=0.02,
        hold="5m",
        severity="critical",
    ),
    Alert(
        name="SegopsLookupsSlow",
        summary="One lookup of a hundred takes longer than {{ $value | humanizeDuration }}.",
        value=_quantile(Metric.HTTP_SECONDS, where=f'{{route="{MEMBERSHIP_PREFIX}/"}}'),
        threshold=0.5,
        hold="10m",
        severity="warning",
    ),
    Alert(
        name="SegopsEventsNotRemembered",
        summary="{{ $value }} events a second are refused because Redis cannot remember them.",
        value=f"sum(rate({_name(Metric.INGEST_NOT_REMEMBERED)}[5m]))",
        hold="5m",
        severity="critical",
    ),
    Alert(
        name="SegopsRedisDown",
        summary="{{ $labels.process }} works without Redis ({{ $labels.use }}).",
        value=f"sum by (process, use) (rate({_name(Metric.REDIS_FAILURES)}[5m]))",
        # A few commands beyond their time limit of 50 ms are no outage.
        threshold=0.05,
        hold="5m",
        severity="warning",
    ),
    Alert(
        name="SegopsEventsLate",
        summary="One event of a hundred is stored later than {{ $value | humanizeDuration }} after its receipt.",
        value=_quantile(Metric.CONSUMER_DELAY, where='{topic="segops.events"}'),
        threshold=60,
        hold="10m",
        severity="warning",
    ),
    Alert(
        name="SegopsConsumerBehind",
        summary="The oldest record of {{ $labels.topic }} has waited for {{ $value | humanizeDuration }}.",
        # A job takes as long as its run, so jobs have an alert of their own.
        value=f'max by (process, topic) ({_name(Metric.CONSUMER_LAG_SECONDS)}{{topic!="segops.compute-jobs"}})',
        threshold=300,
        hold="5m",
        severity="critical",
    ),
    Alert(
        name="SegopsConsumerUnhealthy",
        summary="{{ $labels.process }} makes no progress with {{ $labels.topic }}.",
        value=f"min by (process, topic) ({_name(Metric.CONSUMER_HEALTHY)})",
        compare="<",
        threshold=1,
        hold="5m",
        severity="critical",
    ),
    Alert(
        name="SegopsDeadLetters",
        summary="{{ $value }} records of {{ $labels.topic }} were put aside within an hour (code {{ $labels.code }}).",
        # A code that comes for the first time has no earlier value, so its whole count is new.
        value=f"({_DEAD} - {_DEAD_BEFORE} or {_DEAD} or vector(0))",
        hold="1m",
        severity="warning",
    ),
    Alert(
        name="SegopsRunsFailing",
        summary="{{ $value | humanizePercentage }} of the runs of the last hour failed.",
        value=f"{_RUNS_FAILED} / {_RUNS}",
        threshold=0.2,
        hold="15m",
        severity="warning",
    ),
    Alert(
        name="SegopsRunsIncomplete",
        summary="{{ $value | humanize }} runs of the last half hour did not see every acknowledged event.",
        value=f"sum(increase({_name(Metric.RUNS_INCOMPLETE)}[30m]))",
        hold="30m",
        severity="warning",
    ),
    Alert(
        name="SegopsRunWaiting",
        summary="A run has not ended {{ $value | humanizeDuration }} after it was requested.",
        value=f"max({_name(Metric.RUNS_OPEN_AGE)})",
        threshold=3600,
        hold="5m",
        severity="warning",
    ),
    Alert(
        name="SegopsHourlySegmentsStale",
        summary="The members of an hourly segment are {{ $value | humanizeDuration }} old ({{ $labels.reason }}).",
        value=f'max by (reason) ({_name(Metric.STALE_AGE)}{{reason!="failed"}})',
        threshold=3 * 3600,
        hold="10m",
        severity="critical",
    ),
    Alert(
        name="SegopsHourlySegmentsFailing",
        summary="The last run of {{ $value }} hourly segments failed.",
        value=f'max({_name(Metric.STALE_SEGMENTS)}{{reason="failed"}})',
        hold="2h",
        severity="warning",
    ),
    Alert(
        name="SegopsNothingPublished",
        summary="Runs are open, and none has published for {{ $value | humanizeDuration }}.",
        value=f"max({_name(Metric.LAST_PUBLICATION)}) * (sum(max by (state) ({_name(Metric.RUNS_OPEN)})) > bool 0)",
        threshold=2 * 3600,
        hold="10m",
        severity="critical",
    ),
    Alert(
        name="SegopsActivationsFailing",
        summary="An activation has failed for {{ $value | humanizeDuration }}.",
        value=f"max({_name(Metric.ACTIVATIONS_BACKLOG)})",
        threshold=6 * 3600,
        hold="10m",
        severity="warning",
    ),
    Alert(
        name="SegopsActivationsWaiting",
        summary="An activation has been due for {{ $value | humanizeDuration }}.",
        value=f"max({_name(Metric.ACTIVATIONS_OVERDUE)})",
        threshold=300,
        hold="5m",
        severity="warning",
    ),
    Alert(
        name="SegopsOutboxStuck",
        summary="A message has waited in the outbox for {{ $value | humanizeDuration }}.",
        value=f"max({_name(Metric.OUTBOX_AGE)})",
        threshold=60,
        hold="2m",
        severity="critical",
    ),
    Alert(
        name="SegopsRunStateUnknown",
        summary="Open runs and stale segments were counted {{ $value | humanizeDuration }} ago.",
        value=f"time() - max({_name(Metric.STATE_MEASURED)})",
        threshold=300,
        hold="5m",
        severity="warning",
    ),
    Alert(
        name="SegopsPoolExhausted",
        summary="{{ $labels.process }} uses all connections of its pool {{ $labels.pool }}.",
        value=f"max by (process, pool) ({_name(Metric.POOL_IN_USE)} / {_name(Metric.POOL_LIMIT)})",
        compare=">=",
        threshold=1,
        hold="5m",
        severity="warning",
    ),
    Alert(
        name="SegopsOpenFiles",
        summary="{{ $labels.process }} has opened {{ $value | humanizePercentage }} of the files that it may.",
        value="max by (process) (process_open_fds / process_max_fds)",
        threshold=0.8,
        hold="5m",
        severity="warning",
    ),
)
