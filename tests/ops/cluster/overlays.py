"""Copies of deploy/kubernetes, and overlays with one component each."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Final

from scripts.manifests.kubectl import kubectl, rendered
from tests.shared.client import ROOT

SOURCE: Final = ROOT / "deploy" / "kubernetes"
OVERLAYS: Final = tuple(sorted(folder.name for folder in (SOURCE / "overlays").iterdir()))
COMPONENTS: Final = tuple(sorted(folder.name for folder in (SOURCE / "components").iterdir()))
_ONE_COMPONENT: Final = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: segops
resources: [../../base]
components: [../../components/{component}]
"""


def copied(folder: Path) -> Path:
    """Return a copy of deploy/kubernetes in a folder, without the secrets of somebody's installation."""
    return shutil.copytree(SOURCE, folder / "kubernetes", ignore=shutil.ignore_patterns("secrets"))


def overlay(manifests: Path, name: str) -> str:
    """Return the objects of an overlay."""
    return rendered(manifests / "overlays" / name, program=kubectl())


def with_component(manifests: Path, component: str) -> str:
    """Return the objects of the base with one component."""
    folder = manifests / "overlays" / f"only-{component}"
    folder.mkdir(exist_ok=True)
    (folder / "kustomization.yaml").write_text(_ONE_COMPONENT.format(component=component))
    return rendered(folder, program=kubectl())


def volumes() -> list[dict[str, Any]]:
    """Return a volume for each engine of `dev`: nothing provisions them here."""
    spec = {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "50Gi"}, "hostPath": {"path": "/nowhere"}}
    names = [f"volume-{number}" for number in range(3)]
    return [
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec} for name in names
    ]
