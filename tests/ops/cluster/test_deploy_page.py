"""Every shell block of docs/deploy.md about Kubernetes runs as printed, until the rollout is complete."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from segops_local.supervisor.services import SERVICES
from tests.ops.cluster.client import PATIENCE_S, Cluster
from tests.ops.cluster.overlays import copied, volumes
from tests.shared.certificates import Authority
from tests.shared.client import ROOT

PRODUCTION, DEV = "## Kubernetes", "### One cluster to try it"


def blocks(title: str, end: str) -> list[str]:
    """Return the shell blocks between a title of the page and a later one, in order."""
    page = (ROOT / "docs" / "deploy.md").read_text()
    _, _, section = page.partition(f"\n{title}\n")
    return re.findall(r"^```bash\n(.*?)^```$", section.partition(f"\n{end}\n")[0], re.DOTALL | re.MULTILINE)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of this checkout, as far as the page writes to it."""
    folder = tmp_path / "checkout"
    (folder / "deploy").mkdir(parents=True)
    copied(folder / "deploy")
    for entry in (*ROOT.iterdir(), *(ROOT / "deploy").iterdir()):
        place = folder / entry.relative_to(ROOT)
        if not place.exists() and not entry.name.startswith(".segops"):
            place.symlink_to(entry)
    return folder


@pytest.fixture
def shell(cluster: Cluster, checkout: Path) -> dict[str, str]:
    """The variables of an operator whose kubectl reaches the cluster and takes no warning."""
    programs = checkout.parent / "bin"
    programs.mkdir()
    program = programs / "kubectl"
    program.write_text(f'#!/bin/sh\nexec {" ".join(cluster.command)} "$@"\n')
    program.chmod(0o755)
    return {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(checkout.parent)}


def run(script: list[str], folder: Path, environment: dict[str, str]) -> None:
    """Run blocks in one shell, which ends at the first failure."""
    text = "\n".join(("set -euo pipefail", *script))
    result = subprocess.run(
        ["bash", "-c", text], cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"


def test_a_new_operator_reaches_a_complete_rollout(cluster: Cluster, checkout: Path, shell: dict[str, str]) -> None:
    commands = blocks(PRODUCTION, DEV)
    assert [command.split()[0] for command in commands] == ["cp", "make", "kubectl", "kubectl", "kubectl"]
    for name in ("envoy-gateway-system", "monitoring"):  # the gateway and Prometheus run before SegOps comes
        cluster.kubectl("create", "namespace", name)
    certificate = Authority(checkout.parent).issue("segops.example.com").read_text()
    private, _, public = certificate.partition("-----BEGIN CERTIFICATE-----")
    (checkout / "tls.key").write_text(private)
    (checkout / "tls.crt").write_text(f"-----BEGIN CERTIFICATE-----{public}")

    run(commands, checkout, shell)
    run(commands[-1:], checkout, shell)  # an upgrade is the same command

    secrets = cluster.objects("secrets")
    for pod in cluster.objects("pods").values():
        containers = [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]
        for variable in (variable for container in containers for variable in container.get("env", ())):
            reference = variable.get("valueFrom", {}).get("secretKeyRef", {"optional": True})
            assert reference.get("optional") or reference["key"] in secrets[reference["name"]]["data"]
        mounted = {volume["secret"]["secretName"] for volume in pod["spec"]["volumes"] if "secret" in volume}
        assert mounted <= secrets.keys()
    gateways = cluster.objects("gateways").values()
    certificates = [
        part["name"] for gateway in gateways for part in gateway["spec"]["listeners"][0]["tls"]["certificateRefs"]
    ]
    assert [secrets[name]["type"] for name in certificates] == ["kubernetes.io/tls"]
    _all_is_running(cluster)
    cluster.kubectl("delete", "namespace", "segops", f"--timeout={PATIENCE_S}s")


def test_the_cluster_to_try_it_comes_up_and_goes(cluster: Cluster, checkout: Path, shell: dict[str, str]) -> None:
    up, down = blocks(DEV, "### Monitoring")
    cluster.kubectl("apply", "--filename", "-", stdin=yaml.safe_dump_all(volumes()))
    run([up], checkout, shell)
    _all_is_running(cluster)
    cluster.segops("rollout", "status", "statefulset", f"--timeout={PATIENCE_S}s")
    run([down], checkout, shell)
    assert "NotFound" in cluster.refusal("get", "namespace", "segops")


def _all_is_running(cluster: Cluster) -> None:
    pods = cluster.objects("pods")
    assert {pod["status"]["phase"] for pod in pods.values()} == {"Running", "Succeeded"}
    assert cluster.objects("jobs").keys() == {f"segops-{service}-migrate" for service in SERVICES}
    assert {deployment["status"]["readyReplicas"] >= 1 for deployment in cluster.objects("deployments").values()} == {
        True
    }
