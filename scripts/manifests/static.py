"""The workloads that have no state and no settings: the server of the files, and SegOps' own gateway."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from scripts.manifests.network import CONSOLE, GATEWAY
from scripts.manifests.processes import HTTP_PORT
from scripts.manifests.workloads import (
    PRE_STOP_S,
    TEMPORARY_MOUNT,
    container_ports,
    disruption_budget,
    http_service,
    image,
    labels,
    restricted_container,
    restricted_pod,
    spreads,
)
from scripts.manifests.yaml_text import Object

_PORTS: Final = {"http": HTTP_PORT}
_GATEWAY_GRACE_S: Final = 60
_CONSOLE_GRACE_S: Final = 30


def console_objects() -> Iterator[Object]:
    """Yield the server of the console, the documentation, the API reference and the SDKs."""
    yield from _workload(
        CONSOLE,
        grace_s=_CONSOLE_GRACE_S,
        container={"name": "console", "image": image("console"), **_probes("/readyz"), **_resources("32Mi", "128Mi")},
    )


def gateway_objects() -> Iterator[Object]:
    """Yield Envoy with the route table, for clusters without a gateway of their own."""
    yield from _workload(
        GATEWAY,
        grace_s=_GATEWAY_GRACE_S,
        container={"name": "envoy", "image": image("gateway"), **_probes("/healthz"), **_resources("128Mi", "512Mi")},
    )


def _workload(name: str, *, grace_s: int, container: Object) -> Iterator[Object]:
    pod = {
        **restricted_pod(),
        "terminationGracePeriodSeconds": grace_s,
        "topologySpreadConstraints": spreads(name),
        "containers": [
            {
                **container,
                "ports": container_ports(_PORTS),
                "lifecycle": {"preStop": {"sleep": {"seconds": PRE_STOP_S}}},
                "securityContext": restricted_container(),
                "volumeMounts": [TEMPORARY_MOUNT],
            }
        ],
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}}],
    }
    yield {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels(name)},
        "spec": {
            "replicas": 2,
            "revisionHistoryLimit": 5,
            "selector": {"matchLabels": {"app.kubernetes.io/name": name}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {"metadata": {"labels": labels(name)}, "spec": pod},
        },
    }
    yield http_service(name, _PORTS)
    yield disruption_budget(name)


def _probes(path: str) -> Object:
    check = {"httpGet": {"path": path, "port": "http"}}
    return {
        "startupProbe": {**check, "periodSeconds": 2, "failureThreshold": 60},
        "livenessProbe": {**check, "periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": 6},
        "readinessProbe": {**check, "periodSeconds": 5, "timeoutSeconds": 4, "failureThreshold": 2},
    }


def _resources(memory: str, limit: str) -> Object:
    requests = {"cpu": "50m", "memory": memory, "ephemeral-storage": "64Mi"}
    return {"resources": {"requests": requests, "limits": {"memory": limit}}}
