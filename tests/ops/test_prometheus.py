"""Rules and dashboards in a real Prometheus: alerts fire when they must, and every expression has data."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.observability.alerts import ALERTS
from scripts.observability.dashboards import DASHBOARDS
from segops_common.telemetry.definitions import PROCESSES
from segops_local.supervisor.metrics_page import RULES, prometheus_config
from tests.e2e.people import patient_client, send, sign_up
from tests.ops.alert_cases import CASES, MINUTES, Series
from tests.ops.prometheus import Prometheus, program
from tests.shared.client import ROOT, RunningStack

PATIENCE_S = 120


def promtool(*arguments: str) -> str:
    result = subprocess.run([program("promtool"), *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_both_files_of_rules_are_valid(tmp_path: Path) -> None:
    cluster = yaml.safe_load((ROOT / "deploy/kubernetes/components/prometheus/rules.yaml").read_text())
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(cluster["spec"]))
    for file in (RULES, tmp_path / "rules.yaml"):
        assert f"{len(ALERTS)} rules found" in promtool("check", "rules", str(file))


def case(alert: str, series: Series, *, fires: bool) -> dict[str, Any]:
    """Return a test of promtool: how many of this alert fire at the end of the series."""
    count = f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) or vector(0)'
    return {
        "name": f"{alert} {'fires' if fires else 'is silent'}",
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": count,
                "eval_time": f"{MINUTES}m",
                "exp_samples": [{"labels": "{}", "value": int(fires)}],
            }
        ],
    }


def rule_tests(cases: Mapping[str, tuple[Series, Series]]) -> dict[str, Any]:
    return {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1m",
        "tests": [
            case(alert, series, fires=fires)
            for alert, (firing, silent) in cases.items()
            for series, fires in ((firing, True), (silent, False))
        ],
    }


def test_each_alert_fires_when_it_must_and_only_then(tmp_path: Path) -> None:
    assert set(CASES) == {alert.name for alert in ALERTS}
    file = tmp_path / "tests.yaml"
    file.write_text(json.dumps(rule_tests(CASES)))
    promtool("test", "rules", str(file))


def test_a_wrong_expectation_is_found(tmp_path: Path) -> None:
    """The negative control: with both series swapped, the tests of an alert must fail."""
    firing, silent = CASES["SegopsOutboxStuck"]
    file = tmp_path / "tests.yaml"
    file.write_text(json.dumps(rule_tests({"SegopsOutboxStuck": (silent, firing)})))
    result = subprocess.run([program("promtool"), "test", "rules", file], capture_output=True, check=False)
    assert result.returncode == 1


@pytest.fixture(scope="module")
async def prometheus(engines_folder: Path, valkey_stack: RunningStack) -> AsyncIterator[Prometheus]:
    """A Prometheus with the configuration that `make run` writes, but quicker, and a stack with some traffic."""
    folder = engines_folder / "prometheus"
    folder.mkdir()
    config = folder / "prometheus.yml"
    address = valkey_stack.metrics_url.removeprefix("http://").removesuffix("/metrics")
    config.write_text(prometheus_config(config, address).replace("15s", "1s"))
    server = Prometheus(folder, config)
    async with patient_client(valkey_stack.url) as client:
        person = await sign_up(client)
        key = (await person.new_key())["key"]
        await send(client, key, "track", {"user_id": "ada", "event_type": "page_viewed"})
        await person.compute(await person.new_segment("all"))
        headers = {"Authorization": f"ApiKey {key}"}
        answer = await client.get("/api/segments/membership/?user_id=ada", headers=headers)
        assert answer.status_code == 200
    await server.start()
    yield server
    await server.stop()


async def without_data(prometheus: Prometheus, expressions: Sequence[str]) -> list[str]:
    """Return the expressions that still have no data at the end of the patience."""
    async with asyncio.timeout(PATIENCE_S + 60):
        missing = list(expressions)
        for _ in range(PATIENCE_S):
            missing = [expression for expression in missing if not await prometheus.query(expression)]
            if not missing:
                return []
            await asyncio.sleep(1)
        return missing


async def test_every_expression_returns_data(prometheus: Prometheus) -> None:
    """Of an alert, the value that it compares: the comparison itself has no data while all is well."""
    expressions = [alert.value for alert in ALERTS]
    expressions += [
        query.expression for dashboard in DASHBOARDS for panel in dashboard.panels for query in panel.queries
    ]
    assert await without_data(prometheus, expressions) == []


async def test_all_processes_are_up_and_no_alert_fires(prometheus: Prometheus) -> None:
    all_up = f"count(segops_process_up == 1) == {len(PROCESSES)}"
    assert await without_data(prometheus, [all_up]) == []
    samples = await prometheus.query("segops_process_up == 1")
    assert {sample["metric"]["process"] for sample in samples} == set(PROCESSES)
    assert {sample["metric"]["job"] for sample in samples} == {"segops"}
    rules = (await prometheus.ask("rules"))["groups"][0]["rules"]
    assert [rule["name"] for rule in rules] == [alert.name for alert in ALERTS]
    assert {rule["health"] for rule in rules} <= {"ok", "unknown"}
    assert [rule["name"] for rule in rules if rule["state"] == "firing"] == []


async def test_a_process_that_is_down_is_seen(prometheus: Prometheus, valkey_stack: RunningStack) -> None:
    [down] = [alert for alert in ALERTS if alert.name == "SegopsProcessDown"]
    with valkey_stack.without("segments.results"):
        assert await without_data(prometheus, [down.expression]) == []
        [sample] = await prometheus.query(down.expression)
        assert sample["metric"]["process"] == "segments.results"
