"""One page has the metrics of all processes, and only this machine can read it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import httpx
from prometheus_client import Metric as Family
from prometheus_client.parser import text_string_to_metric_families

from segops_common import __version__
from segops_common.telemetry.definitions import PROCESSES, Metric
from tests.e2e.people import patient_client, send, sign_up
from tests.shared.client import RunningStack


async def families_of(stack: RunningStack) -> Mapping[str, Family]:
    """Return the families of the page by their names as Prometheus stores them."""
    async with httpx.AsyncClient() as client:
        answer = await client.get(stack.metrics_url)
    assert answer.status_code == 200
    families = list(text_string_to_metric_families(answer.text))
    return {f"{family.name}_total" if family.type == "counter" else family.name: family for family in families}


async def test_every_process_exports_its_metrics(valkey_stack: RunningStack) -> None:
    async with patient_client(valkey_stack.url) as client:
        person = await sign_up(client)
        key = (await person.new_key())["key"]
        await send(client, key, "track", {"user_id": "ada", "event_type": "page_viewed"})
        await person.compute(await person.new_segment("all"))
    families = await families_of(valkey_stack)
    exporters: defaultdict[str, set[str]] = defaultdict(set)
    for name, family in families.items():
        exporters[name] |= {sample.labels["process"] for sample in family.samples}
    for metric in Metric:
        definition = metric.value
        assert definition.name in families, definition.name
        family = families[definition.name]
        assert (family.type, family.documentation.startswith(definition.meaning)) == (definition.kind, True)
        # Others have no series before something happens: a code of a dead letter, a request that is not a probe.
        if metric not in (Metric.DEAD_LETTERS, Metric.HTTP_SECONDS, Metric.PROCESS_UP):
            assert exporters[definition.name] == set(definition.processes), definition.name
    assert exporters["segops_process_up"] == exporters["process_open_fds"] == set(PROCESSES)
    versions = {sample.labels["version"] for sample in families["segops_build_info"].samples}
    assert versions == {__version__}
    phases = {sample.labels["phase"] for sample in families["segops_run_phase_seconds"].samples}
    assert phases == {"numbering", "evaluating", "comparing", "publishing"}


async def test_probes_are_not_counted_and_the_gateway_has_no_metrics(valkey_stack: RunningStack) -> None:
    async with httpx.AsyncClient() as client:
        for path in ("/metrics", "/metrics/", "/internal/metrics"):
            assert (await client.get(f"{valkey_stack.url}{path}")).status_code == 404
        port = valkey_stack.process("membership.worker").settings["SEGOPS_INTERNAL_PORT"]
        assert (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200
        foreign = await client.get(valkey_stack.metrics_url, headers={"Host": "evil.example"})
    assert foreign.status_code == 403
    families = await families_of(valkey_stack)
    routes = {sample.labels["route"] for sample in families["segops_http_request_seconds"].samples}
    assert routes.isdisjoint({"/livez", "/healthz", "/readyz", "/metrics"})
