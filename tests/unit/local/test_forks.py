"""Programs that `make run` forks: they report how they end, and never outlive the process that forked them."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from segops_local.errors import LocalError
from segops_local.processes.forks import ForkedChild, Forks

PROGRAM = """
import os, sys, time
print(sys.argv[1:], os.environ.get("GIVEN"), "sqlite3" in sys.modules, os.getcwd(), os.getsid(0) == os.getpid(), flush=True)
if sys.argv[1] == "exit":
    sys.exit(int(sys.argv[2]))
time.sleep(600)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "slow_import.py").write_text("import time\ntime.sleep(600)\n")
    return tmp_path


def forks_of(folder: Path, *modules: str) -> Forks:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(folder)}
    return Forks(modules=modules, environment=environment, folder=folder, log=folder / "server.log")


@pytest.fixture
def forks(folder: Path) -> Iterator[Forks]:
    forks = forks_of(folder, "sqlite3")
    yield forks
    forks.close()


def start(forks: Forks, folder: Path, *arguments: str) -> ForkedChild:
    with (folder / "output").open("wb") as output:
        return forks.start(
            ("-m", "program", *arguments), environment={"GIVEN": "yes"}, folder=folder, output=output.fileno()
        )


def until_ended(pid: int) -> None:
    deadline = time.monotonic() + 60
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, f"process {pid} still runs"
        time.sleep(0.02)


def test_a_program_runs_by_itself_with_what_was_imported(forks: Forks, folder: Path) -> None:
    child = start(forks, folder, "exit", "3")
    assert child.wait() == 3
    assert (folder / "output").read_text() == f"['exit', '3'] yes True {folder} True\n"


def test_signals_reach_it_and_are_its_status(forks: Forks, folder: Path) -> None:
    child = start(forks, folder, "wait")
    assert child.poll() is None
    child.send_signal(signal.SIGTERM)
    assert child.wait() == -signal.SIGTERM
    child.kill()  # has no effect any more


def test_a_server_that_is_killed_takes_its_programs_along_and_the_next_start_makes_another(
    forks: Forks, folder: Path
) -> None:
    child = start(forks, folder, "wait")
    os.kill(psutil.Process(child.pid).ppid(), signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    until_ended(child.pid)
    assert start(forks, folder, "exit", "0").wait() == 0


def test_programs_end_when_it_is_closed(forks: Forks, folder: Path) -> None:
    child = start(forks, folder, "wait")
    forks.close()
    until_ended(child.pid)
    assert child.poll() == -signal.SIGKILL


def test_closing_interrupts_the_imports(folder: Path) -> None:
    forks = forks_of(folder, "slow_import")
    before = set(psutil.Process().children())
    preload = threading.Thread(target=forks.preload)
    preload.start()
    deadline = time.monotonic() + 60
    while not (servers := set(psutil.Process().children()) - before):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    forks.close()
    preload.join(60)
    assert not preload.is_alive()
    assert not any(server.is_running() and server.status() != psutil.STATUS_ZOMBIE for server in servers)


def test_a_module_that_cannot_be_imported_is_said_in_one_line(folder: Path) -> None:
    forks = forks_of(folder, "missing_module")
    with pytest.raises(LocalError, match=r"The services could not be imported \(full log: .*server\.log\)\."):
        forks.preload()
    assert "No module named 'missing_module'" in (folder / "server.log").read_text()
    forks.close()
