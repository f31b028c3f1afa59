"""What Prometheus and Grafana find in the rendered overlay."""

from __future__ import annotations

import json
import re

from scripts.observability.dashboards import DASHBOARDS
from segops_common.telemetry.definitions import PROCESSES
from tests.unit.deploy.conftest import Manifests

FREE_BYTES = 256 * 1024
"""kubectl keeps what it applied in an annotation, which has this limit."""


def test_pods_get_the_labels_that_rules_use(production: Manifests) -> None:
    [monitor] = production.of("PodMonitor").values()
    [endpoint] = monitor["spec"]["podMetricsEndpoints"]
    [relabeling] = endpoint["relabelings"]
    [selected] = monitor["spec"]["selector"]["matchExpressions"]
    replacement = relabeling["replacement"].replace("$", "\\")
    named = {re.sub(f"^{relabeling['regex']}$", replacement, name) for name in selected["values"]}
    assert (relabeling["targetLabel"], named) == ("process", set(PROCESSES))
    deployments = production.of("Deployment")
    for name in selected["values"]:
        labels = deployments[name]["spec"]["template"]["metadata"]["labels"]
        assert labels[monitor["spec"]["jobLabel"]] == "segops"


def test_the_operator_gets_the_alerts(production: Manifests) -> None:
    [rule] = production.of("PrometheusRule").values()
    [group] = rule["spec"]["groups"]
    assert len(group["rules"]) > 20
    assert all(part["annotations"]["runbook"].startswith("docs/runbooks/") for part in group["rules"])


def test_grafana_finds_every_dashboard(production: Manifests) -> None:
    maps = [
        part
        for part in production.of("ConfigMap").values()
        if "grafana_dashboard" in part["metadata"].get("labels", {})
    ]
    files = {name: text for part in maps for name, text in part["data"].items()}
    assert files.keys() == {f"segops-{dashboard.name}.json" for dashboard in DASHBOARDS}
    for text in files.values():
        assert json.loads(text)["uid"].startswith("segops-")
        assert len(text) < FREE_BYTES
