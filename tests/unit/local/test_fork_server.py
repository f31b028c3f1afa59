"""Programs forked from a process that has imported: they start, talk, end and are never left behind."""

from __future__ import annotations

import asyncio
import signal
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.shared.fork_server import ForkedProcess, ForkServer, fork_server

PROGRAM = """
import os, signal, sys
print("argv", *sys.argv[1:], flush=True)
print("env", os.environ.get("GIVEN"), os.environ.get("INHERITED"), flush=True)
print("imported", "sqlite3" in sys.modules, file=sys.stderr, flush=True)
if sys.argv[1] == "exit":
    sys.exit(int(sys.argv[2]))
if sys.argv[1] == "raise":
    raise ValueError("broken")
if sys.argv[1] == "wait":
    signal.pause()
"""


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[ForkServer]:
    async with fork_server() as server:
        server.preload("sqlite3")
        yield server


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("program") / "program.py"
    file.write_text(PROGRAM)
    return str(file)


async def first_line(process: ForkedProcess) -> bytes:
    assert process.stdout is not None
    return await process.stdout.readline()


async def test_a_program_gets_arguments_and_environment(server: ForkServer, program: str) -> None:
    process = await server.start(program, "exit", "3", env={"GIVEN": "yes"}, stdout=PIPE, stderr=PIPE)
    stdout, stderr = await process.communicate()
    assert stdout == b"argv exit 3\nenv yes None\n"
    assert stderr == b"imported True\n"
    assert process.returncode == 3


async def test_modules_run_with_their_arguments(server: ForkServer, tmp_path: Path) -> None:
    (tmp_path / "given.json").write_text('{"a":1}')
    process = await server.start("-m", "json.tool", "given.json", "--compact", cwd=tmp_path, stdout=PIPE)
    assert await process.communicate() == (b'{"a":1}\n', None)
    assert process.returncode == 0


async def test_an_exception_is_printed_and_is_status_one(server: ForkServer, program: str) -> None:
    process = await server.start(program, "raise", stdout=PIPE, stderr=STDOUT)
    stdout, _ = await process.communicate()
    assert process.returncode == 1
    assert stdout is not None
    assert b"ValueError: broken" in stdout


async def test_output_goes_to_files(server: ForkServer, program: str, tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as out:
        process = await server.start(program, "exit", "0", stdout=out, stderr=DEVNULL)
    assert await process.wait() == 0
    assert (tmp_path / "out").read_text().startswith("argv exit 0\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_a_signal_ends_a_program(server: ForkServer, program: str, number: signal.Signals) -> None:
    process = await server.start(program, "wait", stdout=PIPE, stderr=DEVNULL)
    await first_line(process)
    process.send_signal(number)
    assert await process.wait() == -number


async def test_many_programs_run_side_by_side(server: ForkServer, program: str) -> None:
    processes = await asyncio.gather(
        *(server.start(program, "exit", str(status), stdout=DEVNULL, stderr=DEVNULL) for status in range(20))
    )
    assert await asyncio.gather(*(process.wait() for process in processes)) == list(range(20))


async def test_the_end_of_the_server_ends_its_programs(program: str) -> None:
    async with fork_server() as server:
        process = await server.start(program, "wait", stdout=PIPE, stderr=DEVNULL)
        await first_line(process)
    assert process.returncode == -signal.SIGKILL
    assert not is_alive(process.pid)


def is_alive(pid: int) -> bool:
    """Say whether a process runs; one that has ended and was not reaped does not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
