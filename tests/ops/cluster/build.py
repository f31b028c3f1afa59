"""A Kubernetes control plane, built once from its Go modules, and the resource definitions of what SegOps works with."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.ops.images import CACHE, Unavailable

MODULES: Final = Path(__file__).parent / "modules"
PROGRAMS: Final = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
    "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
    "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
    "kwok": "sigs.k8s.io/kwok/cmd/kwok",
}
_FOLDER: Final = CACHE / "cluster"
_FLAGS: Final = {"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly", "GOWORK": "off", "CGO_ENABLED": "0"}


@dataclass(frozen=True, slots=True)
class Definitions:
    """Files of a Go module that define the resources of SegOps' manifests. `digest` is its sum as in a go.sum."""

    module: str
    digest: str
    folder: str
    files: tuple[str, ...]


DEFINITIONS: Final = (
    Definitions(
        "sigs.k8s.io/gateway-api@v1.6.3",
        "h1:lKpJa5bGlraC/QeACvCpsHLdmO6y0iKfzVl6gzaFEYc=",
        "config/crd/standard",
        ("gateway.networking.k8s.io_gateways.yaml", "gateway.networking.k8s.io_httproutes.yaml"),
    ),
    Definitions(
        "github.com/kedacore/keda/v2@v2.21.0",
        "h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps=",
        "config/crd/bases",
        ("keda.sh_scaledobjects.yaml", "keda.sh_triggerauthentications.yaml"),
    ),
    Definitions(
        "github.com/prometheus-operator/prometheus-operator@v0.85.0",
        "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
        "example/prometheus-operator-crd",
        ("monitoring.coreos.com_podmonitors.yaml", "monitoring.coreos.com_prometheusrules.yaml"),
    ),
)


def kubernetes_version() -> str:
    """Return the version of the control plane, such as `1.37.2`."""
    match = re.search(r"^\tk8s\.io/kubernetes v(\S+)", (MODULES / "go.mod").read_text(), re.MULTILINE)
    assert match is not None
    return match[1]


def programs() -> Path:
    """Return the folder with the programs, built unless another run has built the same. Raises Unavailable."""
    go = _Go()
    content = [(MODULES / name).read_bytes() for name in ("go.mod", "go.sum")]
    content += [json.dumps([PROGRAMS, _FLAGS, go.version]).encode()]
    folder = _FOLDER / hashlib.sha256(b"\n".join(content)).hexdigest()[:16]
    with _locked():
        if not folder.exists():
            _build(go, folder)
    return folder


def definitions() -> tuple[Path, ...]:
    """Return the files with the definitions of resources. Raises Unavailable."""
    go = _Go()
    with _locked():
        return tuple(file for source in DEFINITIONS for file in _files_of(go, source))


class _Go:
    """The Go of this machine. Modules come from its proxy, into its own cache."""

    def __init__(self) -> None:
        program = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
        least = re.search(r"^go (\d+\.\d+)", (MODULES / "go.mod").read_text(), re.MULTILINE)
        assert least is not None
        if program is None:
            raise Unavailable(f"needs Go {least[1]} or newer on PATH")
        self.program = program
        self.version = self.run("env", "GOVERSION").strip()
        if _numbers(self.version) < _numbers(least[1]):
            raise Unavailable(f"needs Go {least[1]} or newer, and {program} is {self.version}")

    def run(self, *arguments: str, folder: Path = MODULES) -> str:
        """Return what a command of Go prints. Raises Unavailable with the reason when it fails."""
        environment = {**os.environ, **_FLAGS}
        result = subprocess.run(
            [self.program, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        if result.returncode:
            raise Unavailable(f"go {arguments[0]} failed: {_reason(result)}")
        return result.stdout


def _reason(result: subprocess.CompletedProcess[str]) -> str:
    """Return why a command of Go failed, in one line. With `-json` it says so in a field of its output."""
    if result.stdout.startswith("{"):
        return str(json.loads(result.stdout).get("Error", "")).replace("\n", " ")
    return ([*result.stderr.splitlines(), *result.stdout.splitlines()] or ["no output"])[-1]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])


def _build(go: _Go, folder: Path) -> None:
    version = kubernetes_version()
    major, minor, _ = version.split(".")
    values = {"gitVersion": f"v{version}", "gitMajor": major, "gitMinor": minor}
    linked = " ".join(f"-X k8s.io/component-base/version.{name}={value}" for name, value in values.items())
    half = folder.with_suffix(".part")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(parents=True)
    for name, package in PROGRAMS.items():
        options = ("-trimpath", "-buildvcs=false", "-ldflags", f"-s -w {linked}")
        go.run("build", *options, "-o", str(half / name), package)
    half.rename(folder)


def _files_of(go: _Go, source: Definitions) -> Iterator[Path]:
    module = json.loads(go.run("mod", "download", "-json", source.module))
    assert module["Sum"] == source.digest, f"{source.module} must be what its sum says, and is {module['Sum']}"
    yield from (Path(module["Dir"]) / source.folder / name for name in source.files)


@contextmanager
def _locked() -> Iterator[None]:
    """Let one run at a time build."""
    _FOLDER.mkdir(parents=True, exist_ok=True)
    with (_FOLDER / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
