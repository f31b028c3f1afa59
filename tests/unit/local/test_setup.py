"""Set-up in the shell: an environment that was left half made is made anew, and Ctrl-C ends in one line."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
INTERRUPTED = """\
#!/bin/sh
case "$*" in
    *"-m venv"*) echo Traceback >&2; kill -INT 0; sleep 10;;
esac
"""
WITHOUT_PIP = """\
#!/bin/sh
case "$*" in
    *"-m pip"*) exit 1;;
esac
"""


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.mark.fast
def test_an_environment_without_pip_is_made_anew_and_ctrl_c_ends_in_a_line(tmp_path: Path) -> None:
    program(tmp_path / ".venv/bin/python", WITHOUT_PIP)
    python = program(tmp_path / "python3.11", INTERRUPTED)
    setup = subprocess.run(
        ["sh", str(ROOT / "deploy/local/setup.sh"), "run"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHON": str(python)},
        capture_output=True,
        text=True,
        start_new_session=True,
        # A test run in the background ignores Ctrl-C, and what is ignored from the start cannot be trapped.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        timeout=60,
        check=False,
    )
    assert setup.stderr.splitlines()[-2:] == [
        f"[1/4] Creating the environment with {python}",
        "Interrupted. Repeat the command: it goes on where it was.",
    ]
    assert setup.returncode == 2
