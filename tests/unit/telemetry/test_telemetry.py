"""Log lines, metrics and trace context."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from segops_common.telemetry.logging import JsonFormatter
from segops_common.telemetry.metrics import HttpMetrics, Kind, Metric, Metrics
from segops_common.telemetry.tracing import current_request_id, current_traceparent, trace_context

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_log_line_is_one_json_object_with_the_request() -> None:
    record = logging.LogRecord("segops.test", logging.WARNING, "", 0, "two\nlines: %s", ("x",), None)
    with trace_context(TRACE, "request-1"):
        line = JsonFormatter(service="auth", role="api").format(record)
    assert "\n" not in line
    parsed = json.loads(line)
    assert (parsed["service"], parsed["role"], parsed["level"]) == ("auth", "api", "warning")
    assert (parsed["message"], parsed["request_id"]) == ("two\nlines: x", "request-1")


@pytest.mark.parametrize(
    ("traceparent", "expected"),
    [(TRACE, TRACE), (None, None), ("", None), ("00-" + "0" * 32 + "-b7ad6b7169203331-01", None)],
)
def test_only_a_valid_trace_is_carried(traceparent: str | None, expected: str | None) -> None:
    with trace_context(traceparent, "r"):
        assert current_traceparent() == expected
        assert current_request_id() == "r"
    assert current_traceparent() is None


def test_every_metric_has_a_name_a_meaning_and_a_remedy() -> None:
    names = [metric.value.name for metric in Metric]
    assert len(set(names)) == len(names)
    for metric in Metric:
        assert metric.value.name.startswith("segops_")
        assert metric.value.meaning.endswith(".")
        assert metric.value.remedy.endswith(".")


def test_requests_are_counted_by_route() -> None:
    metrics = Metrics()
    HttpMetrics(metrics).observe("GET", "/api/things/{id}/", 200, 0.01)
    assert b'route="/api/things/{id}/",status="200"} 1.0' in metrics.render()


@pytest.mark.parametrize(
    "secret",
    [
        "sk_live_" + "a" * 49,
        "pk_live_" + "b" * 49,
        "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "postgresql://segops:hunter2@127.0.0.1/segops",
    ],
)
def test_credentials_are_struck_out_wherever_they_stand(secret: str) -> None:
    try:
        raise ValueError(f"refused {secret}")
    except ValueError:
        record = logging.LogRecord("t", logging.ERROR, "", 0, "call with %s", (secret,), sys.exc_info())
    record.fields = {"traceparent": secret}
    line = JsonFormatter(service="auth", role="api").format(record)
    assert secret not in line
    assert "hunter2" not in line
    assert json.loads(line)["fields"]["traceparent"]


def test_every_metric_can_be_created_as_its_kind() -> None:
    metrics = Metrics()
    makers = {Kind.COUNTER: metrics.counter, Kind.GAUGE: metrics.gauge, Kind.HISTOGRAM: metrics.histogram}
    for metric in Metric:
        makers[metric.value.kind](metric)
        assert f"# TYPE {metric.value.name}".encode() in metrics.render()


def test_unknown_methods_share_one_series() -> None:
    metrics = Metrics()
    http = HttpMetrics(metrics)
    http.observe("BREW", "unrouted", 404, 0.01)
    http.observe("PROPFIND", "unrouted", 404, 0.01)
    assert b'method="other",route="unrouted",status="404"} 2.0' in metrics.render()


def test_one_name_is_one_kind() -> None:
    metrics = Metrics()
    metrics.counter(Metric.DEAD_LETTERS)
    with pytest.raises(TypeError):
        metrics.gauge(Metric.DEAD_LETTERS)
