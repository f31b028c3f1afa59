"""Builds images with buildah, without Docker and without a registry of images."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.shared.client import ROOT

CACHE: Final = ROOT / ".segops-cache" / "ops"
PROGRAMS: Final = ("buildah", "debootstrap", "unshare")
PACKAGES: Final = ("ca-certificates", "libpython3.11-stdlib", "python3", "python3-venv")
"""A minimal Debian with Python is the base of the tests. The release is the one of this machine."""
_CERTIFICATES: Final = Path("/etc/ssl/certs/ca-certificates.crt")
_TRUST: Final = ("PIP_CERT", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")


class Unavailable(Exception):
    """This machine lacks what a test needs; the text says what."""


def run(*command: str, env: Mapping[str, str] | None = None) -> str:
    """Return what a command prints. Raises AssertionError with its last lines when it fails."""
    result = subprocess.run(command, cwd=ROOT, env={**os.environ, **(env or {})}, capture_output=True, text=True)
    assert result.returncode == 0, f"{' '.join(command)}\n{result.stdout[-4_000:]}\n{result.stderr[-4_000:]}"
    return result.stdout


@dataclass(frozen=True, slots=True)
class Images:
    """The storage of buildah below the cache. Layers are kept, so a build repeats only what has changed."""

    driver: str
    base: str

    @classmethod
    def prepared(cls) -> Images:
        """Return the storage with the base in it. Raises Unavailable."""
        missing = [name for name in PROGRAMS if shutil.which(name) is None]
        if missing:
            raise Unavailable(f"needs {', '.join(missing)}: apt-get install buildah debootstrap util-linux")
        if os.geteuid() != 0:
            raise Unavailable("needs root: debootstrap and buildah make devices and change owners")
        if _release().get("ID") != "debian" or _release().get("VERSION_CODENAME") != "bookworm":
            raise Unavailable("needs Debian 12, whose Python is 3.11")
        driver = _storage_driver()
        images = cls(driver, f"localhost/segops-base:{_digest_of_base()}")
        if not images.exists(images.base):
            images._make_base()
        return images

    def buildah(self, *arguments: str) -> str:
        """Return what buildah prints."""
        return run("buildah", *_places(self.driver), *arguments, env={"BUILDAH_ISOLATION": "chroot"})

    def exists(self, image: str) -> bool:
        """Return whether the storage has an image."""
        names = json.loads(self.buildah("images", "--json") or "[]")
        return any(image in (entry.get("names") or ()) for entry in names)

    def build(self, target: str, *, service: str = "", traces: bool = False) -> str:
        """Build a target of the Dockerfile; return the name of the image."""
        name = f"localhost/segops/{service or target}:{'traces' if traces else 'test'}"
        arguments = {"BASE": self.base, "BUILD_BASE": f"{self.base}-build", "VERSION": "0.0.0", "REVISION": "test"}
        arguments |= {"SERVICE": service} if service else {}
        arguments |= {"TRACES": "1"} if traces else {}
        options = [word for key, value in arguments.items() for word in ("--build-arg", f"{key}={value}")]
        self.buildah(
            *("build", "--layers", "--pull-never", "--format", "oci", "--file", "deploy/docker/Dockerfile"),
            *("--ignorefile", ".dockerignore", "--target", target, *options, "--tag", name, "."),
        )
        return name

    def configuration(self, image: str) -> dict[str, Any]:
        """Return how a container of the image is started."""
        config: dict[str, Any] = json.loads(self.buildah("inspect", "--type", "image", image))["OCIv1"]["config"]
        return config

    def mounted(self, image: str) -> tuple[str, Path]:
        """Return a new container of the image and the folder with its files. The caller removes the container."""
        container = self.buildah("from", "--pull-never", image).strip()
        return container, Path(self.buildah("mount", container).strip())

    def remove(self, container: str) -> None:
        """Remove a container."""
        self.buildah("umount", container)
        self.buildah("rm", container)

    def _make_base(self) -> None:
        root = CACHE / "rootfs"
        shutil.rmtree(root, ignore_errors=True)
        root.parent.mkdir(parents=True, exist_ok=True)
        mirror = _mirror()
        # In a mount namespace of its own, nothing that it mounts is left.
        run(
            "unshare",
            "--mount",
            "debootstrap",
            "--variant=minbase",
            f"--include={','.join(PACKAGES)}",
            "bookworm",
            str(root),
            mirror,
        )
        self._commit(root, self.base, {})
        # Behind a proxy with a certificate of its own, pip and npm need what this machine trusts.
        shutil.copyfile(_CERTIFICATES, root / _CERTIFICATES.relative_to("/"))
        self._commit(root, f"{self.base}-build", dict.fromkeys(_TRUST, str(_CERTIFICATES)))
        shutil.rmtree(root)

    def _commit(self, root: Path, name: str, environment: Mapping[str, str]) -> None:
        container = self.buildah("from", "scratch").strip()
        self.buildah("add", "--quiet", container, str(root), "/")
        options = [word for key, value in environment.items() for word in ("--env", f"{key}={value}")]
        path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        self.buildah("config", "--env", path, *options, container)
        self.buildah("commit", "--quiet", "--rm", "--format", "oci", container, name)


def _places(driver: str) -> tuple[str, ...]:
    return ("--root", str(CACHE / driver), "--runroot", str(CACHE / f"run-{driver}"), "--storage-driver", driver)


def _storage_driver() -> str:
    """Return `overlay` where the kernel has it and lets us mount it, `vfs` elsewhere: that copies every layer."""
    buildah = ("buildah", *_places("overlay"))
    container = subprocess.run([*buildah, "from", "scratch"], capture_output=True, text=True, check=False)
    if container.returncode:
        return "vfs"
    name = container.stdout.strip()
    mounted = subprocess.run([*buildah, "mount", name], capture_output=True, check=False)
    run(*buildah, "rm", name)
    return "vfs" if mounted.returncode else "overlay"


def _digest_of_base() -> str:
    return hashlib.sha256("\n".join((*PACKAGES, platform.machine(), "bookworm")).encode()).hexdigest()[:12]


def _release() -> dict[str, str]:
    lines = Path("/etc/os-release").read_text().splitlines() if Path("/etc/os-release").exists() else []
    return {name: value.strip('"') for name, _, value in (line.partition("=") for line in lines)}


def _mirror() -> str:
    """Return the address from which apt installs the release. Raises Unavailable."""
    listed = run("apt-get", "indextargets", "--format", "$(REPO_URI) $(CODENAME) $(COMPONENT)", "Identifier: Packages")
    for line in listed.splitlines():
        address, codename, component = line.split()
        if (codename, component) == ("bookworm", "main"):
            return address
    raise Unavailable("needs the lists of apt: apt-get update")
