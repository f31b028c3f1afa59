"""Deployments, Services, budgets and scaling of the processes, and the Jobs that migrate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from scripts.manifests.environment import (
    CONFIG_MAP,
    OPTIONAL_SECRETS,
    PREFIX,
    SIGNING_KEY_FOLDER,
    fixed_environment,
    has_signing_key,
    secret_of,
    secret_settings,
)
from scripts.manifests.processes import USER, Process, processes_of
from scripts.manifests.yaml_text import Object
from segops_common.web.server import STOP_TIMEOUT_S

PRE_STOP_S: Final = 5
"""A pod that ends is still ready for this long, until proxies have learnt that it ends. Then SIGTERM starts the drain."""
DRAIN_S: Final = 5
"""The default of SEGOPS_DRAIN_S."""
GRACE_S: Final = PRE_STOP_S + DRAIN_S + 2 * STOP_TIMEOUT_S + 10
"""Loops, and then open requests, may each take STOP_TIMEOUT_S to end."""
_ROOT: Final = Path(__file__).resolve().parents[2]
PART_OF: Final = {"app.kubernetes.io/part-of": "segops"}
TEMPORARY_MOUNT: Final[Object] = {"name": "tmp", "mountPath": "/tmp"}


def image(name: str) -> str:
    """Return an image of this version: `segops/ingest:0.1.0`. Overlays say where it is kept."""
    line = next(line for line in (_ROOT / "pyproject.toml").read_text().splitlines() if line.startswith("version = "))
    version = line.removeprefix("version = ").strip('"')
    return f"segops/{name}:{version}"


def labels(name: str) -> dict[str, str]:
    """Return the labels of a workload's objects and pods."""
    return {"app.kubernetes.io/name": name, **PART_OF}


def restricted_pod() -> Object:
    """Return the fields of a pod that the standard `restricted` demands, and no token of a service account."""
    return {
        "automountServiceAccountToken": False,
        # Otherwise Kubernetes would add variables such as SEGOPS_AUTH_API_PORT for every Service.
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


def restricted_container() -> Object:
    """Return the security context of every container."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "capabilities": {"drop": ["ALL"]},
    }


def service_objects(service: str) -> Iterator[Object]:
    """Yield the objects of a service, without its migration."""
    yield _service_account(f"segops-{service}")
    for process in processes_of(service):
        yield deployment(process)
        yield http_service(process.object_name, process.ports)
        yield disruption_budget(process.object_name)
        if process.is_api:
            yield _cpu_scaling(process)


def deployment(process: Process) -> Object:
    """Return the Deployment. One of several replicas is replaced at a time, and only when its successor is ready."""
    own = labels(process.object_name)
    pod = {
        "serviceAccountName": f"segops-{process.service}",
        **restricted_pod(),
        "terminationGracePeriodSeconds": GRACE_S,
        "topologySpreadConstraints": spreads(process.object_name),
        "initContainers": [_schema_check(process)],
        "containers": [_main_container(process)],
        "volumes": _volumes(process),
    }
    spec: Object = {
        # With an autoscaler, a number here would undo its decision at every apply.
        **({} if process.is_api else {"replicas": process.replicas}),
        "revisionHistoryLimit": 5,
        "selector": {"matchLabels": {"app.kubernetes.io/name": process.object_name}},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "template": {"metadata": {"labels": own}, "spec": pod},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": process.object_name, "labels": own},
        "spec": spec,
    }


def migration_objects(service: str) -> Iterator[Object]:
    """Yield the Job that runs `migrate`, with an account of its own."""
    name = f"segops-{service}-migrate"
    first = processes_of(service)[0]
    yield _service_account(name)
    yield {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "labels": labels(name),
            # A Job cannot be changed: these two let Argo CD and Flux replace it.
            "annotations": {
                "argocd.argoproj.io/sync-options": "Force=true,Replace=true",
                "kustomize.toolkit.fluxcd.io/force": "Enabled",
            },
        },
        "spec": {
            "backoffLimit": 10,
            "ttlSecondsAfterFinished": 86_400,
            "template": {
                "metadata": {"labels": labels(name)},
                "spec": {
                    "restartPolicy": "OnFailure",
                    "serviceAccountName": name,
                    **restricted_pod(),
                    "containers": [_migration(first, name="migrate", arguments=["migrate"])],
                    "volumes": [_temporary(first)],
                },
            },
        },
    }


def http_service(name: str, ports: Mapping[str, int]) -> Object:
    """Return the Service of a workload with its ports by their names."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "labels": labels(name)},
        "spec": {
            "selector": {"app.kubernetes.io/name": name},
            "ports": [
                {"name": port, "port": number, "targetPort": port, "appProtocol": "http"}
                for port, number in ports.items()
            ],
        },
    }


def disruption_budget(name: str) -> Object:
    """Return a budget: when nodes are emptied, one pod of a workload goes at a time."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "labels": labels(name)},
        "spec": {
            "maxUnavailable": 1,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": {"app.kubernetes.io/name": name}},
        },
    }


def probes() -> Object:
    """Return the probes of every process. Only readiness asks the engines: a restart would not mend one."""
    return {
        "startupProbe": {"httpGet": {"path": "/livez", "port": "internal"}, "periodSeconds": 2, "failureThreshold": 60},
        "livenessProbe": {
            "httpGet": {"path": "/livez", "port": "internal"},
            "periodSeconds": 10,
            "timeoutSeconds": 5,
            "failureThreshold": 6,
        },
        "readinessProbe": {
            "httpGet": {"path": "/readyz", "port": "internal"},
            "periodSeconds": 5,
            "timeoutSeconds": 4,
            "failureThreshold": 2,
        },
    }


def _main_container(process: Process) -> Object:
    return {
        "name": process.role,
        "image": image(process.service),
        "args": [process.role],
        "ports": container_ports(process.ports),
        "envFrom": [{"configMapRef": {"name": CONFIG_MAP}}],
        "env": _environment(process),
        **probes(),
        "lifecycle": {"preStop": {"sleep": {"seconds": PRE_STOP_S}}},
        "resources": _resources(process),
        "securityContext": restricted_container(),
        "volumeMounts": _mounts(process),
    }


def _schema_check(process: Process) -> Object:
    """Return the container that fails, and is tried again, until the Job has migrated what this version needs."""
    return _migration(process, name="schema", arguments=["migrate", "--check"])


def _migration(process: Process, *, name: str, arguments: list[str]) -> Object:
    return {
        "name": name,
        "image": image(process.service),
        "args": arguments,
        "envFrom": [{"configMapRef": {"name": CONFIG_MAP}}],
        "env": _secret_variables(process, migrates=True),
        "resources": _resources(process),
        "securityContext": restricted_container(),
        "volumeMounts": [TEMPORARY_MOUNT],
    }


def container_ports(ports: Mapping[str, int]) -> list[Object]:
    """Return the ports of a container."""
    return [{"name": name, "containerPort": number} for name, number in ports.items()]


def _environment(process: Process) -> list[Object]:
    fixed = [{"name": name, "value": value} for name, value in fixed_environment(process).items()]
    return fixed + _secret_variables(process)


def _secret_variables(process: Process, *, migrates: bool = False) -> list[Object]:
    return [
        {
            "name": f"{PREFIX}{name.upper()}",
            "valueFrom": {
                "secretKeyRef": {
                    "name": secret_of(name, process, migrates=migrates),
                    "key": f"{PREFIX}{name.upper()}",
                    **({"optional": True} if name in OPTIONAL_SECRETS else {}),
                }
            },
        }
        for name in secret_settings(process, migrates=migrates)
    ]


def _resources(process: Process) -> Object:
    # No limit of CPU: it would only delay requests while the node has time to spare.
    return {
        "requests": {"cpu": process.cpu, "memory": process.memory, "ephemeral-storage": process.temporary},
        "limits": {"memory": process.memory_limit},
    }


def _volumes(process: Process) -> list[Object]:
    volumes = [_temporary(process)]
    if has_signing_key(process):
        # The group reads it: the files of a Secret belong to root.
        secret = {"secretName": "segops-auth-signing-key", "defaultMode": 0o440}
        volumes.append({"name": "signing-key", "secret": secret})
    return volumes


def _temporary(process: Process) -> Object:
    return {"name": "tmp", "emptyDir": {"sizeLimit": process.temporary}}


def _mounts(process: Process) -> list[Object]:
    mounts: list[Object] = [TEMPORARY_MOUNT]
    if has_signing_key(process):
        mounts.append({"name": "signing-key", "mountPath": SIGNING_KEY_FOLDER, "readOnly": True})
    return mounts


def _service_account(name: str) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": name, "labels": labels(name)},
        "automountServiceAccountToken": False,
    }


def spreads(name: str) -> list[Object]:
    """Return constraints that spread the pods of each version over nodes and zones, as far as there are any."""
    return [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": {"app.kubernetes.io/name": name}},
            "matchLabelKeys": ["pod-template-hash"],
        }
        for key in ("kubernetes.io/hostname", "topology.kubernetes.io/zone")
    ]


def _cpu_scaling(process: Process) -> Object:
    target: dict[str, Any] = {"type": "Utilization", "averageUtilization": 70}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": process.object_name, "labels": labels(process.object_name)},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": process.object_name},
            "minReplicas": process.replicas,
            "maxReplicas": process.max_replicas,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 300}},
        },
    }
