"""Network policies: nothing may connect, except along the flows that ARCHITECTURE.md describes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from scripts.manifests.processes import (
    APIS,
    ENGINES,
    HTTP_PORT,
    INTERNAL_PORT,
    PROCESSES,
    Engine,
    Process,
    migration_engines,
)
from scripts.manifests.workloads import PART_OF, labels
from scripts.manifests.yaml_text import Object
from segops_local.supervisor.services import SERVICES

CONSOLE: Final = "segops-console"
GATEWAY: Final = "segops-gateway"
FROM_GATEWAY: Final = {"namespaceSelector": {"matchLabels": {"segops.dev/gateway": "true"}}}
FROM_MONITORING: Final = {"namespaceSelector": {"matchLabels": {"segops.dev/monitoring": "true"}}}
_NAME: Final = "app.kubernetes.io/name"


@dataclass(frozen=True, slots=True, order=True)
class Flow:
    """A connection that is allowed: from a workload to another one, or to an engine by its name."""

    source: str
    target: str
    port: int


def flows() -> tuple[Flow, ...]:
    """Return every connection between workloads and to engines, sorted."""
    connections = {
        Flow(process.object_name, engine.name, engine.port) for process in PROCESSES for engine in process.uses
    }
    connections |= {
        Flow(f"segops-{service}-migrate", engine.name, engine.port)
        for service in SERVICES
        for engine in migration_engines(service)
    }
    connections |= {
        Flow(process.object_name, callee.object_name, INTERNAL_PORT)
        for process in PROCESSES
        for callee in PROCESSES
        if callee.name in process.calls
    }
    return tuple(sorted(connections))


def policies() -> Iterator[Object]:
    """Yield all policies. One for a workload or a namespace that does not exist has no effect."""
    yield _policy("segops-default-deny", {"matchLabels": PART_OF}, ingress=[], egress=[])
    yield _policy("segops-to-dns", {"matchLabels": PART_OF}, egress=[{"to": [_dns()], "ports": [_udp(53), _tcp(53)]}])
    for engine in ENGINES:
        yield _to_engine(engine)
    for process in PROCESSES:
        if callers := [flow.source for flow in flows() if flow.target == process.object_name]:
            yield from _between(callers, process)
    for name in [*(process.object_name for process in APIS), CONSOLE]:
        yield _from_gateway(name)
    yield _from_monitoring()
    yield from _own_gateway()


def _from_gateway(name: str) -> Object:
    """Return the policy that lets the namespace of the gateway reach a workload."""
    rule = {"from": [FROM_GATEWAY], "ports": [_tcp(HTTP_PORT)]}
    return _policy(f"{name}-from-gateway", {"matchLabels": {_NAME: name}}, ingress=[rule])


def _from_monitoring() -> Object:
    """Return the policy that lets the namespace of Prometheus read the metrics of every process."""
    rule = {"from": [FROM_MONITORING], "ports": [_tcp(INTERNAL_PORT)]}
    return _policy("segops-from-monitoring", _named([process.object_name for process in PROCESSES]), ingress=[rule])


def _own_gateway() -> Iterator[Object]:
    """Yield the policies of SegOps' own gateway: anybody may reach it, and it reaches the APIs and the console."""
    targets = [*(process.object_name for process in APIS), CONSOLE]
    rule = {"to": [{"podSelector": _named(targets)}], "ports": [_tcp(HTTP_PORT)]}
    yield _policy(GATEWAY, {"matchLabels": {_NAME: GATEWAY}}, ingress=[{"ports": [_tcp(HTTP_PORT)]}], egress=[rule])
    back = {"from": [{"podSelector": {"matchLabels": {_NAME: GATEWAY}}}], "ports": [_tcp(HTTP_PORT)]}
    yield _policy(f"{GATEWAY}-to-services", _named(targets), ingress=[back])


def _to_engine(engine: Engine) -> Object:
    """Return a policy whose `to` selects pods of this name; an overlay replaces it for an engine outside the cluster."""
    users = [flow.source for flow in flows() if flow.target == engine.name]
    rule = {"to": [{"podSelector": {"matchLabels": {_NAME: engine.name}}}], "ports": [_tcp(engine.port)]}
    return _policy(f"segops-to-{engine.name}", _named(users), egress=[rule])


def _between(callers: Sequence[str], callee: Process) -> Iterator[Object]:
    name = callee.object_name
    arriving = {"from": [{"podSelector": _named(callers)}], "ports": [_tcp(INTERNAL_PORT)]}
    leaving = {"to": [{"podSelector": {"matchLabels": {_NAME: name}}}], "ports": [_tcp(INTERNAL_PORT)]}
    yield _policy(f"{name}-from-callers", {"matchLabels": {_NAME: name}}, ingress=[arriving])
    yield _policy(f"{name}-callers", _named(callers), egress=[leaving])


def _policy(
    name: str, pods: Object, *, ingress: list[Object] | None = None, egress: list[Object] | None = None
) -> Object:
    types = [kind for kind, rules in (("Ingress", ingress), ("Egress", egress)) if rules is not None]
    rules = {kind: rules for kind, rules in (("ingress", ingress), ("egress", egress)) if rules}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "labels": {_NAME: labels(name)[_NAME], **PART_OF}},
        "spec": {"podSelector": pods, "policyTypes": types, **rules},
    }


def _named(names: Sequence[str]) -> Object:
    return {"matchExpressions": [{"key": _NAME, "operator": "In", "values": sorted(names)}]}


def _dns() -> Object:
    return {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    }


def _tcp(port: int) -> Object:
    return {"protocol": "TCP", "port": port}


def _udp(port: int) -> Object:
    return {"protocol": "UDP", "port": port}
