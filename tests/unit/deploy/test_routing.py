"""Every operation of the API reaches the service that documents it, whichever gateway routes by the table."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from scripts.manifests.envoy import FILES, EnvoyOptions, envoy_config
from scripts.manifests.processes import APIS
from segops_local.gateway.nginx import load_routes
from segops_local.supervisor.services import SERVICES
from tests.unit.deploy.conftest import ROOT, Manifests, Object

METHODS = ("get", "head", "put", "post", "patch", "delete")
VALUES = {"{user_id}": "ada%2Flovelace", "{run_id}": "01890a5d-ac96-774b-bcce-b302099a8057"}


def operations() -> Iterator[tuple[str, str, str]]:
    """Yield method, path and service of every documented operation."""
    for service in SERVICES:
        document = json.loads((ROOT / "docs" / "openapi" / f"{service}.json").read_text())
        for path, item in document["paths"].items():
            for method in METHODS:
                if method in item:
                    yield method.upper(), re.sub(r"\{[^}]+\}", lambda name: VALUES.get(name[0], "42"), path), service


def chosen(rules: list[Object], method: str, path: str) -> str:
    """Return the backend that the Gateway API chooses: whole paths first, then the longest prefix, then the method."""
    candidates = [
        (match["path"]["type"] == "RegularExpression", len(match["path"]["value"]), "method" in match, rule)
        for rule in rules
        for match in rule["matches"]
        if match.get("method", method) == method and _holds(match["path"], path)
    ]
    *_, rule = max(candidates, key=lambda candidate: candidate[:3])
    (backend,) = rule["backendRefs"]
    return str(backend["name"])


def _holds(rule: Mapping[str, str], path: str) -> bool:
    if rule["type"] == "RegularExpression":
        return re.fullmatch(rule["value"], path) is not None
    prefix = rule["value"].rstrip("/")
    return path.rstrip("/") == prefix or path.startswith(f"{prefix}/")


@pytest.fixture(scope="module")
def rules(production: Manifests) -> list[Object]:
    return [rule for route in production.of("HTTPRoute").values() for rule in route["spec"]["rules"]]


def test_the_gateway_api_sends_every_operation_to_its_service(rules: list[Object]) -> None:
    for method, path, service in operations():
        for form in (path, path.rstrip("/")):
            assert chosen(rules, method, form) == f"segops-{service}-api", f"{method} {form}"
    assert len(list(operations())) > 50


@pytest.mark.parametrize("path", ["/internal/introspect/", "/metrics", "/api/", "/api/authx/", "/openapi.json", "/"])
def test_what_no_route_names_goes_to_the_files(rules: list[Object], path: str) -> None:
    assert chosen(rules, "GET", path) == "segops-console"


def test_no_route_of_the_gateway_api_breaks_its_limits(production: Manifests) -> None:
    for route in production.of("HTTPRoute").values():
        assert len(route["spec"]["rules"]) <= 16
        assert all(len(rule["matches"]) <= 64 for rule in route["spec"]["rules"])
    assert (
        sum(len(rule["matches"]) for route in production.of("HTTPRoute").values() for rule in route["spec"]["rules"])
        < 128
    )


def test_a_stream_and_a_download_have_no_limit_on_their_whole_length(rules: list[Object]) -> None:
    limits = {rule["name"]: rule.get("timeouts", {}).get("request") for rule in rules}
    table = load_routes()
    assert limits["ingest-plain"] == f"{table.timeout_s}s"
    assert limits["segments-upload"] == f"{table.upload_timeout_s}s"
    assert {name for name, limit in limits.items() if limit == "0s"} == {
        "ingest-stream",
        "membership-stream",
        "segments-stream",
        "membership-download",
    }


def test_an_ingress_leaves_the_choice_to_a_gateway_that_has_the_table() -> None:
    text = (ROOT / "deploy" / "kubernetes" / "components" / "ingress" / "ingress.yaml").read_text()
    assert text.count("name: segops-gateway") == 1


def envoy(files: bool = True) -> dict[str, Any]:
    upstreams = {process.service: ((process.object_name, 8000),) for process in APIS}
    upstreams |= {FILES: (("segops-console", 8000),)} if files else {}
    config: dict[str, Any] = json.loads(envoy_config(load_routes(), EnvoyOptions(upstreams=upstreams)))
    return config["static_resources"]  # type: ignore[no-any-return]


def test_envoy_limits_streams_apart_from_other_requests() -> None:
    clusters = {cluster["name"]: cluster for cluster in envoy()["clusters"]}
    assert clusters.keys() == {*SERVICES, FILES, "ingest-streams", "segments-streams", "membership-streams"}
    for name, cluster in clusters.items():
        (limits,) = cluster["circuit_breakers"]["thresholds"]
        assert (limits["max_requests"] == load_routes().max_streams) == name.endswith("-streams")


def test_envoy_without_files_answers_404_to_the_rest() -> None:
    (listener,) = envoy(files=False)["listeners"]
    assert '"cluster": "files"' not in json.dumps(listener)
