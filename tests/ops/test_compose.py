"""The page about compose, as an operator follows it, without a container engine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.ops.conftest import needs_tools
from tests.ops.images import Unavailable
from tests.shared.client import ROOT


def test_the_project_runs_as_written(tmp_path: Path) -> None:
    """Each process has a network, the environment, the user and the secrets of compose.yaml; names lead where compose's do.

    The project starts again on its data, and a backup of it fills a new one.
    """
    with needs_tools():
        missing = [program for program in ("ip", "unshare", "setpriv") if shutil.which(program) is None]
        if missing or os.geteuid() != 0:
            raise Unavailable("needs root, and ip, unshare and setpriv: apt-get install iproute2 util-linux")
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o711)
    command = ["unshare", "--net", "--mount", sys.executable, "-m", "tests.ops.compose.walk", str(tmp_path)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=1_800)
    assert result.returncode == 0, f"{result.stdout[-2_000:]}\n{result.stderr[-6_000:]}"
