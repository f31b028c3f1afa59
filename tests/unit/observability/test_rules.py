"""Alerts and dashboards: every expression parses and uses metrics and labels that exist; every alert has its runbook."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import promql_parser as promql
import pytest
import yaml

from scripts.observability.alerts import ALERTS, PREFIX, RUNBOOKS
from scripts.observability.dashboards import DASHBOARDS, dashboard_json
from segops_common.telemetry.definitions import PROCESSES, Kind, Metric

ROOT = Path(__file__).resolve().parents[3]
SECTIONS = ["What it means", "How to see", "What to do"]
PROCESS_METRICS = {
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "process_open_fds",
    "process_max_fds",
    "process_start_time_seconds",
}
TARGET = {"process", "job"}
"""Labels of every series, and of `up`, which Prometheus makes itself."""


def series() -> dict[str, set[str]]:
    """Return the labels of every series by its name."""
    labels_by_name = dict.fromkeys({*PROCESS_METRICS, "up"}, TARGET)
    for metric in Metric:
        definition = metric.value
        labels = TARGET | set(definition.labels)
        if definition.kind is Kind.HISTOGRAM:
            labels_by_name |= {f"{definition.name}_count": labels, f"{definition.name}_sum": labels}
            labels_by_name |= {f"{definition.name}_bucket": labels | {"le"}}
        else:
            labels_by_name[definition.name] = labels
    return labels_by_name


@dataclass
class Uses:
    """What an expression names."""

    selectors: list[promql.VectorSelector] = field(default_factory=list)
    grouped: set[str] = field(default_factory=set)

    def visit(self, expression: promql.Expr) -> bool:
        match expression:
            case promql.VectorSelector():
                self.selectors.append(expression)
            case promql.AggregateExpr():
                self.grouped |= set(expression.modifier.labels) if expression.modifier else set()
            case _:
                pass
        return True


def uses_of(expression: str) -> Uses:
    uses = Uses()
    promql.walk(promql.parse(expression), uses.visit)
    return uses


def faults(expression: str) -> Iterator[str]:
    """Yield what an expression names and no process exports."""
    labels_by_name, uses = series(), uses_of(expression)
    names = {selector.name for selector in uses.selectors}
    yield from (f"no metric {name}" for name in names if name not in labels_by_name)
    labels = set[str]().union(*(labels_by_name.get(str(name), set()) for name in names))
    for selector in uses.selectors:
        matched = {matcher.name for matcher in selector.matchers.matchers}
        yield from (
            f"{selector.name} has no label {label}"
            for label in matched - labels_by_name.get(str(selector.name), matched)
        )
    yield from (f"no label {label}" for label in uses.grouped - labels)


EXPRESSIONS = {
    **{alert.name: alert.expression for alert in ALERTS},
    **{
        f"{dashboard.name}: {panel.title} {number}": query.expression
        for dashboard in DASHBOARDS
        for panel in dashboard.panels
        for number, query in enumerate(panel.queries)
    },
}


def test_every_expression_uses_metrics_and_labels_that_exist() -> None:
    assert len(EXPRESSIONS) > 60
    assert {name: list(faults(text)) for name, text in EXPRESSIONS.items() if list(faults(text))} == {}


@pytest.mark.parametrize(
    ("expression", "fault"),
    [
        ("sum by (process) (rate(segops_consumer_delay_total[5m])) + up", "no metric segops_consumer_delay_total"),
        ("max by (topic) (segops_open_runs)", "no label topic"),
        ('segops_open_runs{status="queued"}', "segops_open_runs has no label status"),
        ('rate(segops_runs_total{state="failed"}[1h])', "segops_runs_total has no label state"),
    ],
)
def test_a_name_that_no_process_exports_is_found(expression: str, fault: str) -> None:
    assert list(faults(expression)) == [fault]


def test_an_expression_that_does_not_parse_is_refused() -> None:
    with pytest.raises(ValueError):
        uses_of("sum by (topic) (rate(segops_runs_total[5m])")


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert {path.relative_to(ROOT).as_posix() for path in (ROOT / RUNBOOKS).iterdir()} == {
        alert.runbook for alert in ALERTS
    }
    for alert in ALERTS:
        text = (ROOT / alert.runbook).read_text()
        assert re.findall("^# (.*)$", text, re.MULTILINE) == [alert.name]
        assert re.findall("^## (.*)$", text, re.MULTILINE) == SECTIONS


def test_what_runbooks_and_monitoring_name_exists() -> None:
    labels_by_name = {metric.value.name for metric in Metric} | series().keys() | {"segops_common"}
    names = {alert.name for alert in ALERTS}
    for page in [*(ROOT / RUNBOOKS).iterdir(), ROOT / "docs" / "monitoring.md"]:
        text = page.read_text()
        assert set(re.findall(r"\bsegops_[a-z_]+\b", text)) - labels_by_name == set(), page.name
        assert set(re.findall(rf"\b{PREFIX}[A-Z]\w+", text)) - names == set(), page.name
        for target in re.findall(r"\]\((?!http)([^)#]+)", text):
            assert (page.parent / target).exists(), f"{page.name} leads to {target}"


def test_summaries_name_labels_that_the_alert_has() -> None:
    for alert in ALERTS:
        named = set(re.findall(r"\$labels\.(\w+)", alert.summary))
        assert named <= uses_of(alert.expression).grouped, alert.name


def test_every_metric_is_on_a_dashboard() -> None:
    shown = {str(selector.name) for text in EXPRESSIONS.values() for selector in uses_of(text).selectors}
    shown |= {re.sub("_(bucket|count)$", "", name) for name in shown}
    assert {metric.value.name for metric in Metric} - shown == set()


def test_files_of_rules_have_all_alerts() -> None:
    rules = yaml.safe_load((ROOT / "deploy/observability/rules.yaml").read_text())
    [group] = rules["groups"]
    assert [rule["alert"] for rule in group["rules"]] == [alert.name for alert in ALERTS]
    cluster = yaml.safe_load((ROOT / "deploy/kubernetes/components/prometheus/rules.yaml").read_text())
    assert cluster["spec"] == rules


def test_panels_of_a_dashboard_do_not_overlap() -> None:
    for dashboard in DASHBOARDS:
        panels = json.loads(dashboard_json(dashboard))["panels"]
        places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
        assert len(places) == len({panel["id"] for panel in panels}) == len(panels)
        assert len({panel["title"] for panel in panels}) == len(panels)


def test_definitions_follow_the_conventions_of_prometheus() -> None:
    for metric in Metric:
        definition = metric.value
        assert definition.name.endswith("_total") == (definition.kind is Kind.COUNTER), definition.name
        assert definition.kind is not Kind.HISTOGRAM or definition.name.endswith("_seconds")
        assert set(definition.processes) <= set(PROCESSES)
        assert list(definition.buckets) == sorted(definition.buckets)
