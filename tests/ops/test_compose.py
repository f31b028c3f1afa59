"""The page about compose, as an operator follows it, without a container engine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ops.conftest import needs_tools
from tests.ops.images import Unavailable
from tests.shared.client import ROOT


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the users of the containers may pass; pytest closes its own."""
    with tempfile.TemporaryDirectory(prefix="segops-compose-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder


def test_the_project_runs_as_written(folder: Path) -> None:
    """Each process has a network, the environment, the user and the secrets of compose.yaml; names lead where compose's do.

    The project starts again on its data, and a backup of it fills a new one.
    """
    with needs_tools():
        missing = [program for program in ("ip", "unshare", "setpriv") if shutil.which(program) is None]
        if missing or os.geteuid() != 0:
            raise Unavailable("needs root, and ip, unshare and setpriv: apt-get install iproute2 util-linux")
    command = ["unshare", "--net", "--mount", sys.executable, "-m", "tests.ops.compose.walk", str(folder)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=1_800)
    assert result.returncode == 0, f"{result.stdout[-2_000:]}\n{result.stderr[-6_000:]}"
