"""Kubernetes' routing, from the route table: Gateway API, and autoscaling by the lag of consumers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from scripts.manifests.network import CONSOLE, GATEWAY
from scripts.manifests.processes import HTTP_PORT, PROCESSES, Process
from scripts.manifests.workloads import labels
from scripts.manifests.yaml_text import Object
from segops_local.gateway.nginx import Route, RouteTable

_KINDS: Final = ("stream", "upload", "download")


def http_route(table: RouteTable) -> Object:
    """Return the HTTPRoute of the services. The longest prefix wins, as in the table; a whole path comes before all."""
    groups: dict[tuple[str, str], list[Object]] = {}
    for route in table.routes:
        kind = next((kind for kind in _KINDS if getattr(route, kind)), "plain")
        groups.setdefault((route.service, kind), []).extend(_matches(route))
    rules = [_rule(service, kind, matches, table) for (service, kind), matches in groups.items()]
    return _route("segops", rules)


def console_route() -> Object:
    """Return the HTTPRoute of the files. Their server refuses the paths that are no page, such as those below `/api/`."""
    matches = [{"path": {"type": "PathPrefix", "value": "/"}}]
    return _route(CONSOLE, [{"name": "files", "matches": matches, "backendRefs": [_backend(CONSOLE)]}])


def ingress() -> Object:
    """Return an Ingress that passes all to SegOps' own gateway: an Ingress knows neither methods nor whole paths."""
    backend = {"service": {"name": GATEWAY, "port": {"name": "http"}}}
    path = {"path": "/", "pathType": "Prefix", "backend": backend}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "segops", "labels": labels("segops")},
        "spec": {"rules": [{"host": "segops.example.com", "http": {"paths": [path]}}]},
    }


def scaled_objects() -> Iterator[Object]:
    """Yield a ScaledObject for each process whose number follows the lag of its consumer group."""
    for process in PROCESSES:
        if process.lag is not None:
            yield _scaled_object(process)


_PROCESS_LABEL: Final[Object] = {
    "sourceLabels": ["__meta_kubernetes_pod_label_app_kubernetes_io_name"],
    "regex": "segops-(.+)-(.+)",
    "replacement": "$1.$2",
    "targetLabel": "process",
}
"""The label that rules and dashboards use: `ingest.sink` for a pod of segops-ingest-sink."""


def pod_monitor() -> Object:
    """Return the PodMonitor of all processes."""
    names = sorted(process.object_name for process in PROCESSES)
    selected = {"key": "app.kubernetes.io/name", "operator": "In", "values": names}
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": {"name": "segops", "labels": labels("segops")},
        "spec": {
            "selector": {"matchExpressions": [selected]},
            "jobLabel": "app.kubernetes.io/part-of",
            "podMetricsEndpoints": [
                {"port": "internal", "path": "/metrics", "interval": "15s", "relabelings": [_PROCESS_LABEL]}
            ],
        },
    }


def _matches(route: Route) -> Iterator[Object]:
    path = _path(route)
    if not route.methods:
        yield {"path": path}
    for method in route.methods:
        yield {"path": path, "method": method}


def _path(route: Route) -> Object:
    if "*" not in route.prefix:
        # A prefix of the Gateway API is made of whole segments, so the path without its last slash matches too.
        return {"type": "PathPrefix", "value": route.prefix.rstrip("/")}
    pattern = "[^/]+".join(re.escape(part) for part in route.prefix.rstrip("/").split("*"))
    return {"type": "RegularExpression", "value": f"{pattern}/?"}


def _rule(service: str, kind: str, matches: list[Object], table: RouteTable) -> Object:
    # The time includes the whole response, so it would cut a stream or a long download. Services end those themselves.
    seconds = {"plain": table.timeout_s, "upload": table.upload_timeout_s}.get(kind, 0)
    return {
        "name": f"{service}-{kind}",
        "matches": matches,
        "timeouts": {"request": f"{seconds}s"},
        "backendRefs": [_backend(f"segops-{service}-api")],
    }


def _backend(name: str) -> Object:
    return {"name": name, "port": HTTP_PORT}


def _route(name: str, rules: list[Object]) -> Object:
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": name, "labels": labels(name)},
        "spec": {"parentRefs": [{"name": "segops"}], "rules": rules},
    }


def _scaled_object(process: Process) -> Object:
    assert process.lag is not None
    metadata: Mapping[str, Any] = {
        "bootstrapServers": "kafka.example.com:9092",
        "consumerGroup": process.lag.group,
        "topic": process.lag.topic.name,
        "lagThreshold": str(process.lag.records_per_replica),
    }
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": process.object_name, "labels": labels(process.object_name)},
        "spec": {
            "scaleTargetRef": {"name": process.object_name},
            "minReplicaCount": process.replicas,
            "maxReplicaCount": process.max_replicas,
            "cooldownPeriod": 300,
            "triggers": [{"type": "kafka", "metadata": dict(metadata)}],
        },
    }
