"""The overlays, rendered once by kubectl."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.manifests.kubectl import kubectl as unpacked
from scripts.manifests.kubectl import rendered
from scripts.manifests.secrets import write_secrets

ROOT = Path(__file__).resolve().parents[3]
Object = dict[str, Any]


class Manifests:
    """All objects of an overlay."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.objects: list[Object] = [part for part in yaml.load_all(text, Loader=yaml.CSafeLoader) if part]

    def of(self, kind: str) -> dict[str, Object]:
        """Return the objects of a kind by their names."""
        return {part["metadata"]["name"]: part for part in self.objects if part["kind"] == kind}

    def pods(self) -> dict[str, Object]:
        """Return the specifications of SegOps' own pods by the name of their workload."""
        return {
            part["metadata"]["name"]: part["spec"]["template"]["spec"]
            for part in self.objects
            if part["kind"] in ("Deployment", "Job")
        }


@pytest.fixture(scope="session")
def kubectl() -> Path:
    return unpacked()


@pytest.fixture(scope="session")
def kubernetes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of deploy/kubernetes in which the overlay `dev` has its secrets."""
    folder = tmp_path_factory.mktemp("deploy") / "kubernetes"
    shutil.copytree(ROOT / "deploy" / "kubernetes", folder, ignore=shutil.ignore_patterns("secrets"))
    write_secrets(folder / "overlays" / "dev" / "secrets")
    return folder


@pytest.fixture(scope="session")
def production(kubectl: Path, kubernetes: Path) -> Manifests:
    return Manifests(rendered(kubernetes / "overlays" / "production", program=kubectl))


@pytest.fixture(scope="session")
def dev(kubectl: Path, kubernetes: Path) -> Manifests:
    return Manifests(rendered(kubernetes / "overlays" / "dev", program=kubectl))


@pytest.fixture(scope="session", params=["production", "dev"])
def manifests(request: pytest.FixtureRequest, production: Manifests, dev: Manifests) -> Manifests:
    return {"production": production, "dev": dev}[request.param]
