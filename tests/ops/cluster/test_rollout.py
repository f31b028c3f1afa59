"""Each overlay, applied for real: where pods are placed, how an image is replaced, and what an eviction may take."""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
import yaml

from scripts.manifests.processes import PROCESSES
from segops_local.supervisor.services import SERVICES
from tests.ops.cluster.client import NODES, PATIENCE_S, ZONES, Cluster, Object, eventually
from tests.ops.cluster.overlays import OVERLAYS, overlay, volumes

API = "segops-ingest-api"
TIMEOUT = f"--timeout={PATIENCE_S}s"
REPLICAS = 2


@pytest.fixture(scope="module", params=OVERLAYS)
def applied(request: pytest.FixtureRequest, cluster: Cluster, manifests: Path) -> Iterator[str]:
    """An overlay whose Jobs have completed and whose pods are ready. The namespace is removed afterwards."""
    name: str = request.param
    cluster.kubectl("apply", "--filename", "-", stdin=yaml.safe_dump_all(volumes()))
    cluster.kubectl("apply", "--kustomize", str(manifests / "overlays" / name))
    for scaled in cluster.objects("scaledobjects").values():  # no KEDA runs here
        target, count = scaled["spec"]["scaleTargetRef"]["name"], scaled["spec"]["minReplicaCount"]
        cluster.segops("scale", f"deployment/{target}", f"--replicas={count}")
    cluster.segops("wait", "--for=condition=complete", "job", "--all", TIMEOUT)
    eventually(lambda: cluster.objects("deployments"), lambda all_of: all(map(_is_complete, all_of.values())))
    yield overlay(manifests, name)
    cluster.kubectl("delete", "namespace", "segops", TIMEOUT)
    cluster.kubectl("delete", "persistentvolume", "--all", TIMEOUT)


def test_every_object_of_the_overlay_is_there(cluster: Cluster, applied: str) -> None:
    cluster.segops("get", "--filename", "-", stdin=applied)


def test_every_migration_completes(cluster: Cluster, applied: str) -> None:
    jobs = cluster.objects("jobs")
    assert jobs.keys() == {f"segops-{service}-migrate" for service in SERVICES}
    assert {job["status"]["succeeded"] for job in jobs.values()} == {1}


def test_every_role_is_spread_over_nodes_and_zones(cluster: Cluster, applied: str) -> None:
    assert cluster.objects("deployments").keys() >= {process.object_name for process in PROCESSES}
    for name in cluster.objects("deployments"):
        assert _places(cluster, name) == (REPLICAS, REPLICAS), name


def test_more_replicas_are_spread_evenly(cluster: Cluster, applied: str) -> None:
    """The horizontal autoscaler adds them, though it has no metrics here: fewer than its minimum are too few."""
    _scale(cluster, len(NODES))
    pods = cluster.pods(API)
    assert Counter(_node(pod) for pod in pods) == dict.fromkeys(NODES, 1)
    assert Counter(NODES[_node(pod)] for pod in pods) == dict.fromkeys(ZONES, 2)
    _scale(cluster, REPLICAS)


def test_pods_get_no_token_of_the_api_server(cluster: Cluster, applied: str) -> None:
    pods = cluster.objects("pods").values()
    volumes = [volume["name"] for pod in pods for volume in pod["spec"].get("volumes", ())]
    assert volumes
    assert not [name for name in volumes if name.startswith("kube-api-access")]


def test_every_service_leads_to_ready_pods(cluster: Cluster, applied: str) -> None:
    """A moment after the test before: pods that were added there are still being removed."""
    for name, service in cluster.objects("services").items():
        selector = ",".join(f"{label}={value}" for label, value in service["spec"]["selector"].items())
        eventually(
            lambda name=name, selector=selector: (_addresses(cluster, selector), _endpoints(cluster, name)),  # type: ignore[misc]
            lambda both: both[0] == both[1] and all(both[0].values()),
        )
        assert _addresses(cluster, selector), name
        slices = cluster.objects("endpointslices", "--selector", f"kubernetes.io/service-name={name}").values()
        assert all(part["ports"] for part in slices), name


def _addresses(cluster: Cluster, selector: str) -> dict[str | None, bool]:
    """Return the address of each pod, None without one, and that it should be ready."""
    return {pod["status"].get("podIP"): True for pod in cluster.objects("pods", "--selector", selector).values()}


def _endpoints(cluster: Cluster, service: str) -> dict[str | None, bool]:
    """Return the addresses that a service leads to, and whether they are ready."""
    slices = cluster.objects("endpointslices", "--selector", f"kubernetes.io/service-name={service}").values()
    endpoints = chain.from_iterable(part["endpoints"] or () for part in slices)
    return {address: endpoint["conditions"]["ready"] for endpoint in endpoints for address in endpoint["addresses"]}


def test_every_autoscaler_controls_its_deployment(cluster: Cluster, applied: str) -> None:
    autoscalers = cluster.objects("horizontalpodautoscalers")
    assert autoscalers.keys() == {process.object_name for process in PROCESSES if process.is_api}
    for name, autoscaler in autoscalers.items():
        conditions = {condition["type"]: condition["status"] for condition in autoscaler["status"]["conditions"]}
        assert conditions["AbleToScale"] == "True", name


def test_nothing_connects_unless_a_policy_allows_it(cluster: Cluster, applied: str) -> None:
    policies = cluster.objects("networkpolicies")
    assert policies["segops-default-deny"]["spec"]["podSelector"] == {
        "matchLabels": {"app.kubernetes.io/part-of": "segops"}
    }
    assert set(policies["segops-default-deny"]["spec"]["policyTypes"]) == {"Ingress", "Egress"}
    for deployment in cluster.objects("deployments").values():
        assert deployment["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/part-of"] == "segops"


def test_an_eviction_beyond_the_budget_is_refused(cluster: Cluster, applied: str) -> None:
    budgets = eventually(
        lambda: cluster.objects("poddisruptionbudgets"),
        lambda all_of: {budget["status"]["disruptionsAllowed"] for budget in all_of.values()} == {1},
    )
    assert budgets.keys() == cluster.objects("deployments").keys()
    cluster.kubectl("cordon", *NODES)  # so that the successor of the first pod has no place
    for name in budgets:
        first, second = (pod["metadata"]["name"] for pod in cluster.pods(name))
        assert cluster.evict(first) == "", name
        refusal = cluster.evict(second)
        assert "(TooManyRequests): Cannot evict pod as it would violate the pod's disruption budget" in refusal, name
    cluster.kubectl("uncordon", *NODES)
    for name in budgets:
        _finished(cluster, name)


def test_a_zone_is_drained(cluster: Cluster, applied: str) -> None:
    selector = f"topology.kubernetes.io/zone={ZONES[0]}"
    cluster.kubectl("drain", "--selector", selector, "--delete-emptydir-data", TIMEOUT)
    for name in cluster.objects("deployments"):
        _finished(cluster, name)
        assert ZONES[0] not in {NODES[_node(pod)] for pod in cluster.pods(name)}
    cluster.kubectl("uncordon", "--selector", selector)


def test_a_new_image_replaces_all_pods_while_two_serve(cluster: Cluster, applied: str) -> None:
    for name, deployment in cluster.objects("deployments").items():
        _set_image(cluster, deployment, "0.1.1")
        assert _least_available_during_rollout(cluster, name) >= REPLICAS, name
        pods = _pods_once_complete(cluster, name)
        assert {tag for pod in pods for tag in _tags(pod)} == {"0.1.1"}
        assert _places(cluster, name) == (REPLICAS, REPLICAS), name


def test_an_image_that_does_not_get_ready_replaces_nothing(cluster: Cluster, applied: str) -> None:
    deployment = cluster.objects("deployments")[API]
    before = {pod["metadata"]["name"] for pod in cluster.pods(API)}
    _set_image(cluster, deployment, "unready")
    refusal = cluster.refusal("--namespace", "segops", "rollout", "status", f"deployment/{API}", "--timeout=5s")
    assert "timed out waiting for the condition" in refusal
    pods = cluster.pods(API)
    assert {pod["metadata"]["name"] for pod in pods if "unready" not in _tags(pod)} == before
    assert len(pods) == REPLICAS + 1
    cluster.segops("rollout", "undo", f"deployment/{API}")
    _finished(cluster, API)


def _is_complete(deployment: Object) -> bool:
    status = deployment["status"]
    counts = (status.get("availableReplicas"), status.get("updatedReplicas"), status.get("replicas"))
    return status.get("observedGeneration") == deployment["metadata"]["generation"] and counts == (REPLICAS,) * 3


def _finished(cluster: Cluster, name: str) -> None:
    cluster.segops("rollout", "status", f"deployment/{name}", TIMEOUT)


def _scale(cluster: Cluster, replicas: int) -> None:
    """Change the least number of replicas, and the greatest so that fewer are reached at once."""
    spec = {"spec": {"minReplicas": replicas, "maxReplicas": replicas}}
    cluster.segops("patch", f"hpa/{API}", "--patch", json.dumps(spec))
    eventually(
        lambda: cluster.objects("deployments")[API]["status"], lambda status: status["availableReplicas"] == replicas
    )
    eventually(lambda: cluster.pods(API), lambda pods: len(pods) == replicas)


def _least_available_during_rollout(cluster: Cluster, name: str) -> int:
    """Return the least number of pods that served until the rollout was complete."""
    command = [*cluster.command, "--namespace", "segops", "rollout", "status", f"deployment/{name}", TIMEOUT]
    available: set[int] = set()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as status:
        while status.poll() is None:
            available.add(cluster.objects("deployments")[name]["status"].get("availableReplicas", 0))
            time.sleep(0.1)
    assert status.returncode == 0, name
    return min(available)


def _pods_once_complete(cluster: Cluster, name: str) -> list[Object]:
    """Return the pods once the former version has none."""
    return eventually(lambda: cluster.pods(name), lambda pods: len(pods) == REPLICAS)


def _set_image(cluster: Cluster, deployment: Object, tag: str) -> None:
    pod = deployment["spec"]["template"]["spec"]
    images = [
        f"{container['name']}={container['image'].rpartition(':')[0]}:{tag}"
        for container in (*pod.get("initContainers", ()), *pod["containers"])
    ]
    cluster.segops("set", "image", f"deployment/{deployment['metadata']['name']}", *images)


def _tags(pod: Object) -> set[str]:
    return {container["image"].rpartition(":")[2] for container in pod["spec"]["containers"]}


def _node(pod: Object) -> str:
    return str(pod["spec"]["nodeName"])


def _places(cluster: Cluster, name: str) -> tuple[int, int]:
    """Return on how many nodes and in how many zones a workload runs."""
    nodes = {_node(pod) for pod in cluster.pods(name)}
    return len(nodes), len({NODES[node] for node in nodes})
