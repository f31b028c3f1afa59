"""The metrics of all processes on one page."""

from __future__ import annotations

import asyncio
from pathlib import Path

import yaml
from prometheus_client.parser import text_string_to_metric_families

from segops_common.telemetry.metrics import HttpMetrics, Metric, Metrics
from segops_local.state.ports import HOST, free_port
from segops_local.supervisor.metrics_page import merged, prometheus_config
from segops_local.supervisor.status import StatusServer

AWKWARD = 'a "quoted" \\ text\n{with} = signs, and # hashes'


def page(*, topic: str = "t", requests: int = 1) -> str:
    metrics = Metrics()
    metrics.counter(Metric.CONSUMER_RECORDS).labels(topic).inc(2)
    metrics.gauge(Metric.OUTBOX_MESSAGES).set(3)
    for _ in range(requests):
        HttpMetrics(metrics).observe("GET", "/{id}/", 200, 0.01)
    metrics.identify(service="s", role="r")
    return metrics.render().decode()


def test_every_sample_has_its_process_and_families_are_in_one_piece() -> None:
    text = merged({"ingest.sink": page(topic=AWKWARD), "segments.outbox": page(), "membership.worker": None})
    families = list(text_string_to_metric_families(text))
    assert len({family.name for family in families}) == len(families)
    samples = {(s.name, *sorted(s.labels.items())): s.value for family in families for s in family.samples}
    for process in ("ingest.sink", "segments.outbox"):
        assert samples["segops_outbox_messages", ("process", process)] == 3
        assert samples["segops_process_up", ("process", process)] == 1
    assert samples["segops_consumer_records_total", ("process", "ingest.sink"), ("topic", AWKWARD)] == 2
    assert samples["segops_process_up", ("process", "membership.worker")] == 0
    assert {sample.labels["process"] for family in families for sample in family.samples} == {
        "ingest.sink",
        "segments.outbox",
        "membership.worker",
    }
    assert "process_resident_memory_bytes" in {family.name for family in families}


def test_the_page_has_as_many_samples_as_its_parts() -> None:
    parts = {name: page() for name in ("one", "other")}
    own = sum(not line.startswith("#") for part in parts.values() for line in part.splitlines())
    lines = merged(parts).splitlines()
    assert sum(not line.startswith("#") for line in lines) == own + len(parts)
    assert "_created" not in "".join(lines)


async def ask(port: int, head: str) -> bytes:
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(f"{head}\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return answer


async def test_metrics_are_given_only_to_who_names_this_machine() -> None:
    server, port = StatusServer(engines=(), services=()), free_port()
    await server.start(port)
    try:
        for host in (f"{HOST}:{port}", f"localhost:{port}"):
            answer = await ask(port, f"GET /metrics HTTP/1.1\r\nHost: {host}")
            assert answer.startswith(b"HTTP/1.1 200 OK")
            assert b"text/plain; version=0.0.4" in answer
        for host in ("evil.example", "evil.example:80", f"{HOST}:{port}.evil.example", ""):
            answer = await ask(port, f"GET /metrics HTTP/1.1\r\nHost: {host}")
            assert answer.startswith(b"HTTP/1.1 403 Forbidden"), host
        status = await ask(port, "GET /readyz HTTP/1.1\r\nHost: status")
        assert status.endswith(b'{"status": "ready", "processes": {}}')
    finally:
        await server.stop()


def test_the_configuration_leads_to_the_page_and_the_rules(tmp_path: Path) -> None:
    config = yaml.safe_load(prometheus_config(tmp_path / "prometheus.yml", "127.0.0.1:21034"))
    [job] = config["scrape_configs"]
    assert (job["job_name"], job["static_configs"]) == ("segops", [{"targets": ["127.0.0.1:21034"]}])
    [rules] = config["rule_files"]
    assert yaml.safe_load(Path(rules).read_text())["groups"]
