"""A real API server accepts every object of every overlay and component without a warning, and refuses what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from scripts.manifests.kubectl import VERSION
from tests.ops.cluster.build import kubernetes_version
from tests.ops.cluster.client import PATIENCE_S, Cluster, Object
from tests.ops.cluster.overlays import COMPONENTS, OVERLAYS, overlay, with_component


@pytest.fixture(scope="module", autouse=True)
def namespace(cluster: Cluster, manifests: Path) -> None:
    """The namespace of the manifests. A dry run keeps nothing, so what comes after it must find one."""
    cluster.kubectl("apply", "--server-side", "--filename", str(manifests / "base" / "namespace.yaml"))
    cluster.segops("wait", "--for=create", "serviceaccount/default", f"--timeout={PATIENCE_S}s")


def test_the_api_server_is_of_the_version_that_the_schemas_describe(cluster: Cluster) -> None:
    version = yaml.safe_load(cluster.kubectl("version", "--output", "yaml"))["serverVersion"]["gitVersion"]
    assert version == f"v{kubernetes_version()}"
    assert version.startswith(f"v{VERSION}.")


@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_is_accepted_without_a_warning(cluster: Cluster, manifests: Path, name: str) -> None:
    objects = overlay(manifests, name)
    answer = cluster.dry_run(objects)
    assert len(answer.splitlines()) == len(_parts(objects)) > 60
    assert cluster.objects("deployments") == {}


@pytest.mark.parametrize("component", COMPONENTS)
def test_a_component_is_accepted_without_a_warning(cluster: Cluster, manifests: Path, component: str) -> None:
    objects = with_component(manifests, component)
    assert len(cluster.dry_run(objects).splitlines()) == len(_parts(objects))


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("Deployment", ("spec", "strateggy")),
        ("HTTPRoute", ("spec", "hostname")),
        ("ScaledObject", ("spec", "maxReplicas")),
        ("PodMonitor", ("spec", "endpoints")),
    ],
)
def test_a_misspelt_field_is_refused(cluster: Cluster, manifests: Path, kind: str, path: tuple[str, str]) -> None:
    part = _first(overlay(manifests, "production"), kind)
    part[path[0]][path[1]] = []
    refusal = cluster.refusal(
        "apply", "--server-side", "--dry-run=server", "--filename", "-", stdin=yaml.safe_dump(part)
    )
    assert path[1] in refusal


def test_a_pod_with_more_rights_is_refused(cluster: Cluster, manifests: Path) -> None:
    pod = _pod_of(_first(overlay(manifests, "production"), "Deployment"))
    cluster.dry_run(yaml.safe_dump(pod))
    pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    arguments = ("apply", "--server-side", "--dry-run=server", "--filename", "-")
    refusal = cluster.refusal(*arguments, stdin=yaml.safe_dump(pod))
    assert 'violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false' in refusal


def test_a_warning_fails(cluster: Cluster, manifests: Path) -> None:
    """The API server accepts a Deployment whose pods it would refuse, and warns."""
    deployment = _first(overlay(manifests, "production"), "Deployment")
    deployment["spec"]["template"]["spec"]["hostNetwork"] = True
    arguments = ("apply", "--server-side", "--dry-run=server", "--filename", "-")
    refusal = cluster.refusal(*arguments, stdin=yaml.safe_dump(deployment))
    assert "Warning: would violate PodSecurity" in refusal
    assert "1 warning received" in refusal


def _parts(objects: str) -> list[Object]:
    return [part for part in yaml.load_all(objects, Loader=yaml.CSafeLoader) if part]


def _first(objects: str, kind: str) -> Object:
    return next(part for part in _parts(objects) if part["kind"] == kind)


def _pod_of(deployment: Object) -> Object:
    """Return a pod as the deployment would make it, but for its account, which a dry run does not make."""
    template = deployment["spec"]["template"]
    del template["spec"]["serviceAccountName"]
    metadata = {**template["metadata"], "name": "single", "namespace": deployment["metadata"]["namespace"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
