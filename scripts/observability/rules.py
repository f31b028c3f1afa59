"""Writes the alerts as a file of rules for Prometheus, and as a PrometheusRule for its operator."""

from __future__ import annotations

from typing import Any, Final

from scripts.observability.alerts import ALERTS, Alert

GROUP: Final = "segops"


def rule_groups() -> list[dict[str, Any]]:
    """Return the groups of rules: one with all alerts."""
    return [{"name": GROUP, "rules": [_rule(alert) for alert in ALERTS]}]


def prometheus_rule(labels: dict[str, str]) -> dict[str, Any]:
    """Return the object of the Prometheus operator."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "segops", "labels": labels},
        "spec": {"groups": rule_groups()},
    }


def alert_table() -> str:
    """Return the alerts as a Markdown table, for a page in docs."""
    rows = [
        f"| [{alert.name}]({alert.runbook.removeprefix('docs/')}) | {alert.severity} | {alert.hold} | `{_escaped(alert)}` |"
        for alert in ALERTS
    ]
    return "\n".join(["| alert | severity | after | condition |", "|---|---|---|---|", *rows])


def _escaped(alert: Alert) -> str:
    return alert.expression.replace("|", "\\|")


def _rule(alert: Alert) -> dict[str, Any]:
    return {
        "alert": alert.name,
        "expr": alert.expression,
        "for": alert.hold,
        "labels": {"severity": alert.severity},
        "annotations": {"summary": alert.summary, "runbook": alert.runbook},
    }
