"""A cluster for each file of tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from scripts.manifests.secrets import write_secrets
from tests.ops.cluster.build import definitions, programs
from tests.ops.cluster.client import PATIENCE_S, Cluster
from tests.ops.cluster.control_plane import control_plane
from tests.ops.cluster.overlays import copied
from tests.ops.conftest import needs_tools


@pytest.fixture(scope="session")
def control_plane_programs() -> Path:
    with needs_tools():
        return programs()


@pytest.fixture(scope="session")
def resource_definitions() -> tuple[Path, ...]:
    with needs_tools():
        return definitions()


@pytest.fixture(scope="module")
async def cluster(
    tmp_path_factory: pytest.TempPathFactory, control_plane_programs: Path, resource_definitions: tuple[Path, ...]
) -> AsyncIterator[Cluster]:
    """An empty cluster with nodes, and with the resources of the Gateway API, KEDA and the Prometheus operator."""
    folder = tmp_path_factory.mktemp("cluster") / "state"
    async with control_plane(folder, control_plane_programs) as kubeconfig:
        cluster = Cluster(kubeconfig)
        cluster.add_nodes()
        files = [word for file in resource_definitions for word in ("--filename", str(file))]
        cluster.kubectl("apply", "--server-side", *files)
        cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", f"--timeout={PATIENCE_S}s")
        yield cluster


@pytest.fixture(scope="session")
def manifests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of deploy/kubernetes in which the overlay `dev` has its secrets."""
    folder = copied(tmp_path_factory.mktemp("deploy"))
    write_secrets(folder / "overlays" / "dev" / "secrets")
    return folder
