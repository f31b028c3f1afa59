"""The network policies allow the connections that ARCHITECTURE.md lists, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from scripts.manifests.processes import ENGINES, HTTP_PORT, INTERNAL_PORT, PROCESSES, migration_engines
from segops_local.supervisor.services import SERVICES
from tests.unit.deploy.conftest import ROOT, Manifests, Object

ENGINE_NAMES = {engine.name for engine in ENGINES}
Connection = tuple[str, str]


def documented() -> set[Connection]:
    """Return the connections of the table, from a workload to a workload or an engine."""
    section = (ROOT / "ARCHITECTURE.md").read_text().split("### Connections")[1].split("\n#")[0]
    rows = re.findall(r"^\| `([a-z.]+)` \|([^|]*)\|([^|]*)\|$", section, flags=re.MULTILINE)
    pairs = {(_workload(name), target) for name, engines, _ in rows for target in re.findall(r"[a-z-]+", engines)}
    return pairs | {
        (_workload(name), _workload(callee)) for name, _, calls in rows for callee in re.findall(r"`([a-z.]+)`", calls)
    }


def _workload(name: str) -> str:
    return f"segops-{name.replace('.', '-')}"


def selected(selector: Object, names: set[str]) -> set[str]:
    """Return the workloads that a selector of pods selects."""
    key = "app.kubernetes.io/name"
    if "matchExpressions" in selector:
        (expression,) = selector["matchExpressions"]
        assert (expression["key"], expression["operator"]) == (key, "In")
        return set(expression["values"]) & names
    labels = selector["matchLabels"]
    return {labels[key]} & names if key in labels else names


def workloads(manifests: Manifests) -> set[str]:
    return set(manifests.pods())


def allowed(manifests: Manifests, direction: str) -> Iterator[tuple[str, str, int]]:
    """Yield workload, peer and port of every rule of a direction; a peer is a workload, or `*` for one outside."""
    names = workloads(manifests)
    side = {"ingress": "from", "egress": "to"}[direction]
    for policy in manifests.of("NetworkPolicy").values():
        for rule in policy["spec"].get(direction, ()):
            peers = [name for peer in rule.get(side, [{}]) for name in _peer(peer, names)]
            for name in selected(policy["spec"]["podSelector"], names):
                yield from ((name, peer, port["port"]) for peer in peers for port in rule["ports"])


def _peer(peer: Object, names: set[str]) -> set[str]:
    selector = peer.get("podSelector")
    if selector is None or "namespaceSelector" in peer:
        return {"*"}
    return selected(selector, names) or {selector["matchLabels"]["app.kubernetes.io/name"]}


def test_every_pod_is_closed_both_ways_unless_a_policy_opens_it(manifests: Manifests) -> None:
    deny = manifests.of("NetworkPolicy")["segops-default-deny"]["spec"]
    assert deny == {
        "podSelector": {"matchLabels": {"app.kubernetes.io/part-of": "segops"}},
        "policyTypes": ["Ingress", "Egress"],
    }
    for kind in ("Deployment", "Job"):
        for workload in manifests.of(kind).values():
            assert workload["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/part-of"] == "segops"


def test_workloads_connect_as_documented_and_not_otherwise(manifests: Manifests) -> None:
    names = workloads(manifests) - {"segops-gateway", "segops-console"}
    outgoing = {(name, peer, port) for name, peer, port in allowed(manifests, "egress") if {name, peer} <= names}
    incoming = {(peer, name, port) for name, peer, port in allowed(manifests, "ingress") if {name, peer} <= names}
    assert {port for _, _, port in outgoing | incoming} == {INTERNAL_PORT}
    leaving = {(name, peer) for name, peer, _ in outgoing}
    arriving = {(peer, name) for peer, name, _ in incoming}
    # A process may reach itself: membership's API asks itself whether it is ready.
    assert leaving == arriving == {pair for pair in documented() if pair[1] not in ENGINE_NAMES}


def test_each_engine_is_reached_by_the_processes_that_use_it(manifests: Manifests) -> None:
    names = workloads(manifests)
    for engine in ENGINES:
        policy = manifests.of("NetworkPolicy")[f"segops-to-{engine.name}"]["spec"]
        users = {name for name, target in documented() if target == engine.name}
        assert selected(policy["podSelector"], names) == users, engine.name
        (rule,) = policy["egress"]
        assert len(rule["to"]) == len(rule["ports"]) == 1


def test_nothing_else_leaves_but_questions_to_dns(manifests: Manifests) -> None:
    outside = {(name, port) for name, peer, port in allowed(manifests, "egress") if peer == "*"}
    engines = {
        (name, port["port"])
        for engine in ENGINES
        for policy in [manifests.of("NetworkPolicy")[f"segops-to-{engine.name}"]["spec"]]
        for name in selected(policy["podSelector"], workloads(manifests))
        for port in policy["egress"][0]["ports"]
    }
    assert {(name, port) for name, port in outside if port != 53} <= engines
    assert {name for name, port in outside if port == 53} == workloads(manifests)


def test_only_the_gateway_and_monitoring_come_from_other_namespaces(production: Manifests) -> None:
    apis = {process.object_name for process in PROCESSES if process.is_api}
    arriving = {name for name, peer, _ in allowed(production, "ingress") if peer == "*"}
    assert arriving == {process.object_name for process in PROCESSES} | {"segops-console"}
    for name in apis | {"segops-console"}:
        policy = production.of("NetworkPolicy")[f"{name}-from-gateway"]["spec"]
        (rule,) = policy["ingress"]
        assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"segops.dev/gateway": "true"}}}]
    (rule,) = production.of("NetworkPolicy")["segops-from-monitoring"]["spec"]["ingress"]
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"segops.dev/monitoring": "true"}}}]
    assert [port["port"] for port in rule["ports"]] == [INTERNAL_PORT]


def test_gateways_reach_no_internal_port(manifests: Manifests) -> None:
    from_gateways = {port for _, peer, port in allowed(manifests, "ingress") if peer == "segops-gateway"} | {
        port["port"]
        for name, policy in manifests.of("NetworkPolicy").items()
        if name.endswith("-from-gateway")
        for rule in policy["spec"]["ingress"]
        for port in rule["ports"]
    }
    assert from_gateways == {HTTP_PORT}
    assert {port for name, peer, port in allowed(manifests, "egress") if name == "segops-gateway" and peer != "*"} <= {
        HTTP_PORT
    }


def test_the_gateway_of_dev_reaches_the_apis_and_the_files(dev: Manifests) -> None:
    targets = {peer for name, peer, _ in allowed(dev, "egress") if name == "segops-gateway" and peer != "*"}
    assert targets == {process.object_name for process in PROCESSES if process.is_api} | {"segops-console"}
    assert targets == {name for name, peer, _ in allowed(dev, "ingress") if peer == "segops-gateway"}


@pytest.mark.parametrize("service", SERVICES)
def test_the_table_lists_what_migrations_use(service: str) -> None:
    engines = {target for name, target in documented() if name == f"segops-{service}-migrate"}
    assert engines == {engine.name for engine in migration_engines(service)}
