"""Makes Grafana dashboards from the definitions of metrics: a panel for each metric, by its kind and unit."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from segops_common.telemetry.definitions import Definition, Kind, Metric

_WIDTH: Final = 24
_HEIGHT: Final = 8
_COLUMNS: Final = 2
_UNITS: Final = {"_timestamp_seconds": "dateTimeAsIso", "_seconds": "s", "_bytes": "bytes"}


@dataclass(frozen=True, slots=True)
class Query:
    """An expression in PromQL, and how Grafana names its series."""

    expression: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """A graph over time."""

    title: str
    description: str
    unit: str
    queries: Sequence[Query]


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A page of panels. Its name is that of its file."""

    name: str
    title: str
    panels: Sequence[Panel]


def panels_of(metric: Metric) -> Iterator[Panel]:
    """Yield the panels of a metric: a counter as a rate, a histogram as rate and percentiles."""
    definition = metric.value
    by = ", ".join(("process", *definition.labels))
    legend = " ".join(f"{{{{{label}}}}}" for label in ("process", *definition.labels))
    match definition.kind:
        case Kind.COUNTER:
            query = Query(_rate(definition.name, by, definition), legend)
            yield _panel(definition, f"{definition.name} per second", "short", [query])
        case Kind.GAUGE:
            query = Query(f"max by ({by}) ({definition.name})", legend)
            yield _panel(definition, definition.name, _unit(definition.name), [query])
        case Kind.HISTOGRAM:
            yield from _histogram_panels(definition)


def _histogram_panels(definition: Definition) -> Iterator[Panel]:
    # Percentiles by status would be about too few requests.
    labels = [label for label in definition.labels if label not in ("status", "method")]
    legend = " ".join(f"{{{{{label}}}}}" for label in labels)
    rate = f"sum by ({', '.join(('le', *labels))}) (rate({definition.name}_bucket[5m]))"
    percentiles = [
        Query(f"histogram_quantile({share}, {rate})", f"{legend} p{int(share * 100)}") for share in (0.5, 0.99)
    ]
    yield _panel(definition, f"{definition.name} (p50, p99)", "s", percentiles)
    by = ", ".join(definition.labels)
    counted = Query(
        f"sum by ({by}) (rate({definition.name}_count[5m]))",
        " ".join(f"{{{{{label}}}}}" for label in definition.labels),
    )
    yield _panel(definition, f"{definition.name} (observations per second)", "short", [counted])


def _rate(name: str, by: str, definition: Definition) -> str:
    rate = f"sum by ({by}) (rate({name}[5m]))"
    # Codes are not known before the first of them.
    return f"{rate} or vector(0)" if "code" in definition.labels else rate


def _panel(definition: Definition, title: str, unit: str, queries: Sequence[Query]) -> Panel:
    return Panel(title, f"{definition.meaning} {definition.remedy}", unit, queries)


def _unit(name: str) -> str:
    return next((unit for suffix, unit in _UNITS.items() if name.endswith(suffix)), "short")


def _of_process(title: str, name: str, unit: str, expression: str) -> Panel:
    query = Query(f"max by (process) ({expression})", "{{process}}")
    return Panel(title, f"From `{name}`, which every process exports.", unit, [query])


def _all(*metrics: Metric) -> list[Panel]:
    return [panel for metric in metrics for panel in panels_of(metric)]


DASHBOARDS: Final = (
    Dashboard(
        "requests",
        "SegOps: requests and lookups",
        _all(Metric.HTTP_SECONDS, Metric.LOOKUPS, Metric.RATE_LIMITED, Metric.RATE_LIMITS_LOCAL, Metric.REDIS_FAILURES),
    ),
    Dashboard(
        "ingestion",
        "SegOps: ingestion and consumers",
        _all(
            Metric.INGEST_EVENTS,
            Metric.INGEST_NOT_REMEMBERED,
            Metric.CONSUMER_DELAY,
            Metric.CONSUMER_LAG_SECONDS,
            Metric.CONSUMER_LAG,
            Metric.CONSUMER_HEALTHY,
            Metric.CONSUMER_BATCHES,
            Metric.CONSUMER_RECORDS,
            Metric.CONSUMER_RETRIES,
            Metric.DEAD_LETTERS,
            Metric.INGEST_CONFLICTING,
            Metric.INGEST_FUTURE,
            Metric.INGEST_WIDE,
            Metric.INGEST_SCHEMA_VIOLATIONS,
        ),
    ),
    Dashboard(
        "segments",
        "SegOps: segments and runs",
        _all(
            Metric.RUNS,
            Metric.RUNS_INCOMPLETE,
            Metric.RUN_PHASE_SECONDS,
            Metric.RUNS_OPEN,
            Metric.RUNS_OPEN_AGE,
            Metric.LAST_PUBLICATION,
            Metric.STALE_SEGMENTS,
            Metric.STALE_AGE,
            Metric.OUTBOX_MESSAGES,
            Metric.OUTBOX_AGE,
            Metric.STATE_MEASURED,
            Metric.ACTIVATION_DELIVERIES,
            Metric.ACTIVATIONS_FAILING,
            Metric.ACTIVATIONS_BACKLOG,
            Metric.ACTIVATIONS_OVERDUE,
            Metric.ACTIVATIONS_HELD,
        ),
    ),
    Dashboard(
        "processes",
        "SegOps: processes",
        [
            *_all(Metric.BUILD_INFO, Metric.PROCESS_UP, Metric.POOL_IN_USE, Metric.POOL_LIMIT),
            _of_process(
                "Processor time", "process_cpu_seconds_total", "percentunit", "rate(process_cpu_seconds_total[5m])"
            ),
            _of_process("Resident memory", "process_resident_memory_bytes", "bytes", "process_resident_memory_bytes"),
            _of_process("Open files", "process_open_fds", "short", "process_open_fds"),
            _of_process("Age", "process_start_time_seconds", "s", "time() - process_start_time_seconds"),
        ],
    ),
)


def dashboard_json(dashboard: Dashboard) -> str:
    """Return the model of a dashboard as Grafana imports it. Its data source is a choice on the page."""
    source = {"type": "prometheus", "uid": "${datasource}"}
    panels = [
        {
            "id": number + 1,
            "type": "timeseries",
            "title": panel.title,
            "description": panel.description,
            "datasource": source,
            "gridPos": _place(number),
            "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
            "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
            "targets": [
                {"refId": "ABC"[index], "expr": query.expression, "legendFormat": query.legend, "datasource": source}
                for index, query in enumerate(panel.queries)
            ],
        }
        for number, panel in enumerate(dashboard.panels)
    ]
    model: dict[str, Any] = {
        "uid": f"segops-{dashboard.name}",
        "title": dashboard.title,
        "tags": ["segops"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [{"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}]
        },
        "panels": panels,
    }
    return json.dumps(model, indent=2) + "\n"


def dashboard_maps(labels: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Yield a ConfigMap for each dashboard, with the label by which Grafana's sidecar finds it."""
    for dashboard in DASHBOARDS:
        yield {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": f"segops-dashboard-{dashboard.name}",
                "labels": {**labels, "grafana_dashboard": "1"},
            },
            "data": {f"segops-{dashboard.name}.json": dashboard_json(dashboard)},
        }


def _place(number: int) -> dict[str, int]:
    width = _WIDTH // _COLUMNS
    return {"x": number % _COLUMNS * width, "y": number // _COLUMNS * _HEIGHT, "w": width, "h": _HEIGHT}


def metric_table() -> str:
    """Return the metrics as a Markdown table, for a page in docs."""
    rows = [
        f"| `{metric.value.name}` | {metric.value.kind} | {', '.join(metric.value.labels)} | {_exporters(metric)} |"
        f" {metric.value.meaning} {metric.value.remedy} |"
        for metric in Metric
    ]
    return "\n".join(
        ["| metric | kind | labels | processes | meaning, and what to do |", "|---|---|---|---|---|", *rows]
    )


def _exporters(metric: Metric) -> str:
    count = len(metric.value.processes)
    return (
        "all" if count == 8 else ", ".join(f"`{name}`" for name in metric.value.processes) or "the page of `make run`"
    )
