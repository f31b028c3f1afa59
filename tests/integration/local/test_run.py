"""`make run` from a terminal: ready in one line, commands to copy, Ctrl-C, and all data still there at the next start."""

import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from segops_local.state.ports import free_port

ROOT = Path(__file__).resolve().parents[3]
SECOND_START_IMPORTS = 10
"""Processor time of a second start, as a multiple of that of importing one service. Measured: 7.2 to 7.4."""


class Run:
    """`make run` in a process group of its own, as a terminal gives it; what it prints is kept."""

    def __init__(self, state: Path, port: int) -> None:
        self.lines: list[str] = []
        # The environment is there already: SETUP=: keeps the test from installing into it.
        self.process = subprocess.Popen(
            ["make", "run", "SETUP=:", f"PORT={port}", f"STATE={state}"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def until_ready(self) -> None:
        """Read on until the line came."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if line.startswith("SegOps is ready: "):
                return
        raise AssertionError("it ended before it was ready:\n" + "\n".join(self.lines))

    def processor_seconds(self) -> float:
        """Of everything it started, as far as it still runs."""
        times = [process.cpu_times() for process in psutil.Process(self.process.pid).children(recursive=True)]
        return sum(time.user + time.system for time in times)

    def press_ctrl_c(self) -> str:
        """What it printed on its way out."""
        os.killpg(self.process.pid, signal.SIGINT)
        rest, _ = self.process.communicate(timeout=60)
        return rest


def import_seconds() -> float:
    """Of a processor, for a process that does nothing but import a service."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", "import segops_membership.app"], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@contextmanager
def running(state: Path, port: int) -> Iterator[Run]:
    run = Run(state, port)
    try:
        yield run
    finally:
        if run.process.poll() is None:
            os.killpg(run.process.pid, signal.SIGKILL)
        run.process.communicate()


def left_of(state: Path) -> list[str]:
    commands = []
    for process in psutil.process_iter():
        try:
            command = " ".join(process.cmdline())
            if str(state) in command or process.cwd().startswith(str(state)):
                commands.append(command)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return commands


def wait_for_end_of_all(state: Path) -> None:
    deadline = time.monotonic() + 30
    while left := left_of(state):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def run_printed(command: str) -> str:
    process = subprocess.run(
        ["sh", "-c", command.replace("curl", "curl -sS --fail-with-body", 1)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert process.returncode == 0, f"{command}\n{process.stdout}{process.stderr}"
    return process.stdout


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run") / "state"


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


def test_make_run_prints_commands_that_work_and_ctrl_c_leaves_nothing(state: Path, port: int) -> None:
    with running(state, port) as run:
        run.until_ready()
        assert run.lines[-1] == f"SegOps is ready: http://127.0.0.1:{port}"
        commands = [line.strip() for line in run.lines if line.startswith("  curl ")]
        event, token, membership = (run_printed(command) for command in commands)
        assert '"accepted"' in event
        assert '"access_token"' in token
        assert '"segment_ids"' in membership
        output = run.press_ctrl_c()
    assert "***" not in output  # make reported no error
    assert "Traceback" not in output
    assert left_of(state) == []
    assert oct(os.stat(state / "account.json").st_mode & 0o777) == "0o600"


def test_the_second_start_is_quick_and_shows_the_same_key(state: Path, port: int) -> None:
    first_key = re.findall(r"sk_live_\w+", (state / "account.json").read_text())
    with running(state, port) as run:
        run.until_ready()
        assert run.processor_seconds() < SECOND_START_IMPORTS * import_seconds()
        text = "\n".join(run.lines)
        assert text.count("SegOps is ready") == 1
        assert set(re.findall(r"sk_live_\w+", text)) == set(first_key)
        run.process.terminate()  # SIGTERM to make alone, as a service manager does
        run.process.communicate(timeout=60)
    wait_for_end_of_all(state)


def test_ctrl_c_in_the_middle_of_the_start_leaves_nothing(state: Path, port: int) -> None:
    with running(state, port) as run:
        assert run.process.stdout is not None
        # A make within a make has a word to say before the supervisor does.
        for line in run.process.stdout:
            run.lines.append(line)
            if line.startswith("Starting"):
                break
        assert "Traceback" not in run.press_ctrl_c()
    assert left_of(state) == []


def test_a_killed_supervisor_takes_everything_with_it(state: Path, port: int) -> None:
    with running(state, port) as run:
        run.until_ready()
        os.killpg(run.process.pid, signal.SIGKILL)
    wait_for_end_of_all(state)
