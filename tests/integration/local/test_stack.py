"""The supervisor on real engines, with stand-ins for the services."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import asyncpg
import psutil
import pytest

from segops_local.errors import LocalError
from segops_local.processes.family import Family, members
from segops_local.processes.server import Server
from segops_local.state.folder import StateFolder
from segops_local.supervisor.local_stack import LocalStack
from segops_local.supervisor.services import ROLES
from segops_local.supervisor.topology import check_port

ENGINES = ("postgres", "valkey", "clickhouse")
ROLE_NAMES = ("gateway", *(role.name for role in ROLES))
Env = Mapping[str, Mapping[str, str]]


def left_of(state: Path) -> list[psutil.Process]:
    """The processes whose command line or working folder lies in the state folder."""
    return [process for process in psutil.process_iter() if _belongs(process, str(state))]


def _belongs(process: psutil.Process, folder: str) -> bool:
    try:
        return process.pid != os.getpid() and (
            folder in " ".join(process.cmdline()) or process.cwd().startswith(folder)
        )
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


async def until(holds: Callable[[], bool], timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, "it did not come about in time"
        await asyncio.sleep(0.02)


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def notes(stand_ins: Env) -> list[str]:
    return Path(stand_ins["*"]["STAND_IN_NOTES"]).read_text().splitlines()


@pytest.fixture
async def stack(tmp_path: Path, stand_ins: Env) -> AsyncIterator[LocalStack]:
    running = LocalStack(tmp_path / "state", env=stand_ins, restart_max_delay_s=0.2)
    await running.start()
    try:
        yield running
    finally:
        await running.stop()


async def test_all_is_up_behind_the_gateway_and_ends_in_order(
    tmp_path: Path, stack: LocalStack, stand_ins: Env
) -> None:
    status, body = await asyncio.to_thread(get, f"{stack.url}/readyz")
    assert status == 200
    states = json.loads(body)["processes"]
    assert {"postgres", "valkey", "clickhouse", "auth.api", "ingest.sink", "membership.worker"} <= states.keys()
    assert set(states.values()) == {"ready"}
    assert await asyncio.to_thread(get, f"{stack.url}/v1/track") == (200, "ingest.api")

    await stack.stop()

    entries = notes(stand_ins)
    assert sorted(entries[:4]) == [f"ran {service}.migrate" for service in ("auth", "ingest", "membership", "segments")]
    ended = [line.removeprefix("ended ") for line in entries if line.startswith("ended")]
    assert sorted(ended[:4]) == ["auth.api", "ingest.api", "membership.api", "segments.api"]
    assert sorted(ended[4:]) == ["ingest.sink", "membership.worker", "segments.outbox", "segments.results"]
    assert left_of(tmp_path) == []


@pytest.mark.parametrize("name", ["ingest.sink", "gateway"])
async def test_a_killed_process_is_started_again_on_its_port(stack: LocalStack, name: str) -> None:
    process = stack.process(name)
    before, port = process.pid, process.port
    process.kill()
    await until(lambda: process.pid not in (None, before))
    await process.ready()
    assert process.port == port
    assert (await asyncio.to_thread(get, f"{process.url}/healthz"))[0] == 200


async def _occupy(postgres: Server) -> None:
    """Make a backend compute, so that it does not notice the end of its server."""
    connection = await asyncpg.connect(postgres.url.replace("+asyncpg", ""))
    busy = asyncio.ensure_future(connection.execute("SELECT sum(n) FROM generate_series(1, 1000000000) AS n"))
    busy.add_done_callback(lambda task: task.cancelled() or task.exception())
    backend = connection.get_server_pid()
    await until(lambda: "SELECT" in " ".join(psutil.Process(backend).cmdline()))


async def test_every_process_comes_back_after_a_kill_of_its_first_process_alone(stack: LocalStack) -> None:
    servers = [stack.engine(name) if name in ENGINES else stack.process(name) for name in (*ROLE_NAMES, *ENGINES)]
    await _occupy(stack.engine("postgres"))
    before = {server.name: (server.pid, server.port, members(_family(server))) for server in servers}
    for pid, _, _ in before.values():
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    for server in servers:
        pid, port, family = before[server.name]
        await until(lambda server=server, pid=pid: server.pid not in (None, pid), timeout_s=60)  # type: ignore[misc]
        await server.ready(60)
        assert server.port == port
        assert not family & members(_family(server)), f"{server.name} left a process behind"


async def test_a_killed_engine_is_started_again_and_one_that_was_stopped_is_not(stack: LocalStack) -> None:
    valkey, clickhouse = stack.engine("valkey"), stack.engine("clickhouse")
    before, url = valkey.pid, valkey.url
    await clickhouse.stop()
    valkey.kill()
    await until(lambda: valkey.pid not in (None, before))
    assert valkey.url == url
    assert not clickhouse.running
    status, body = await asyncio.to_thread(get, f"{stack.url}/readyz")
    assert (status, json.loads(body)["processes"]["clickhouse"]) == (503, "down")
    await clickhouse.start()


async def test_a_suspended_process_hangs_and_goes_on(stack: LocalStack) -> None:
    process = stack.process("auth.api")
    process.suspend()
    assert not await process.answers()
    assert process.pid is not None
    os.kill(process.pid, signal.SIGCONT)
    assert await process.answers()


async def test_kill_ends_all_at_once(tmp_path: Path, stack: LocalStack, stand_ins: Env) -> None:
    await stack.kill()
    assert left_of(tmp_path) == []
    assert not [line for line in notes(stand_ins) if line.startswith("ended")]


async def test_a_process_can_be_kept_down_and_started_again(stack: LocalStack, stand_ins: Env) -> None:
    sink = stack.process("ingest.sink")
    sink.kill(stay_down=True)
    await asyncio.sleep(0.6)  # three times the delay after which it would be back
    assert not sink.running
    await sink.start()
    assert notes(stand_ins).count("began ingest.sink") == 2


@pytest.mark.parametrize("failing", ["segments.migrate", "membership.worker"])
async def test_a_process_that_fails_at_the_start_is_one_line_and_leaves_nothing(
    tmp_path: Path, stand_ins: Env, failing: str
) -> None:
    failing_stack = LocalStack(tmp_path / "state", env={**stand_ins, failing: {"STAND_IN_FAILS": "yes"}})
    with pytest.raises(LocalError, match="ERROR: failing as requested") as failure:
        await failing_stack.start()
    assert failing.split(".")[0] in str(failure.value)
    assert len(str(failure.value).splitlines()) == 1
    assert left_of(tmp_path) == []


async def test_a_second_start_finds_the_same_secrets_ports_and_data(tmp_path: Path, stand_ins: Env) -> None:
    first = LocalStack(tmp_path / "state", env=stand_ins)
    await first.start()
    url, postgres, token = first.url, first.engine("postgres").url, first.state.secret("service-token")
    await first.stop()
    again = LocalStack(tmp_path / "state", env=stand_ins)
    await again.start()
    try:
        assert (again.url, again.engine("postgres").url, again.state.secret("service-token")) == (url, postgres, token)
    finally:
        await again.stop()


async def test_a_folder_has_one_stack_at_a_time(tmp_path: Path, stack: LocalStack, stand_ins: Env) -> None:
    other = LocalStack(tmp_path / "state", env=stand_ins)
    with pytest.raises(LocalError, match=rf"in use by another SegOps \(process {os.getpid()}\): stop that one"):
        await other.start()
    with pytest.raises(LocalError, match="in use by another SegOps"):
        StateFolder(tmp_path / "state").remove()
    assert (await asyncio.to_thread(get, f"{stack.url}/readyz"))[0] == 200


async def test_the_event_log_of_a_folder_does_not_change(tmp_path: Path, stand_ins: Env) -> None:
    state = StateFolder(tmp_path / "state")
    with state.hold():
        state.first_value("event-log", "kafka")
    with pytest.raises(LocalError, match="keeps its event log in kafka: run with KAFKA=1"):
        await LocalStack(tmp_path / "state", env=stand_ins).start()


def _family(server: Server) -> Family:
    assert server.process is not None
    return server.process.family


DRIVER = """
import asyncio, json, sys
from pathlib import Path
from segops_local.supervisor.local_stack import LocalStack

async def main():
    await LocalStack(Path(sys.argv[1]), env=json.loads(sys.argv[2])).start()
    print("up", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_nothing_outlives_a_supervisor_that_is_killed(tmp_path: Path, stand_ins: Env) -> None:
    state = tmp_path / "state"
    supervisor = await asyncio.create_subprocess_exec(
        sys.executable, "-c", DRIVER, str(state), json.dumps(stand_ins), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert supervisor.stdout is not None
        assert await supervisor.stdout.readline() == b"up\n"
        assert len(left_of(state)) >= 13  # three engines, nginx with its worker, eight processes; PostgreSQL has more
    finally:
        supervisor.kill()
        await supervisor.wait()
    await until(lambda: left_of(state) == [])
    again = LocalStack(state, env=stand_ins)  # PostgreSQL's stale pid file and the lock are no obstacle
    await again.start()
    await again.stop()


async def test_the_next_start_ends_what_a_killed_supervisor_and_its_reaper_left(tmp_path: Path, stand_ins: Env) -> None:
    state = tmp_path / "state"
    supervisor = await asyncio.create_subprocess_exec(
        sys.executable, "-c", DRIVER, str(state), json.dumps(stand_ins), stdout=asyncio.subprocess.PIPE
    )
    assert supervisor.stdout is not None
    assert await supervisor.stdout.readline() == b"up\n"
    port = json.loads((state / "ports.json").read_text())["gateway"]
    for child in psutil.Process(supervisor.pid).children():
        if "family.py" in " ".join(child.cmdline()):
            child.kill()
    supervisor.kill()
    await supervisor.wait()
    left = [process.pid for process in left_of(state)]  # nginx's worker holds the port
    again = LocalStack(state, port, env=stand_ins)
    await again.start()
    try:
        assert not {process.pid for process in left_of(state)} & set(left)
        assert (await asyncio.to_thread(get, f"http://127.0.0.1:{port}/readyz"))[0] == 200
    finally:
        await again.stop()
    assert left_of(state) == []


def command_line(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "segops_local", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


async def refused(*arguments: str) -> str:
    """The one line with which the command line refuses."""
    process = await asyncio.to_thread(command_line, *arguments)
    assert process.returncode == 2
    assert len(process.stderr.splitlines()) == 1
    return process.stderr


async def test_a_port_that_is_taken_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        error = await refused("run", "--port", str(port), "--state", str(tmp_path / "state"))
    assert error.startswith(f"Port {port} is already taken: ")
    assert f"PORT={port + 1}" in error
    assert not (tmp_path / "state").exists()


async def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    for command in ("run", "reset"):
        assert "contains files that do not belong to SegOps" in await refused(command, "--state", str(tmp_path))
    assert os.listdir(tmp_path) == ["thesis.txt"]


def _break_postgres(state: Path) -> None:
    (state / "postgres" / "data").mkdir(parents=True)


def _break_secret(state: Path) -> None:
    (state / "secrets" / "service-token").write_text("")


def _lose_pepper(state: Path) -> None:
    (state / "postgres").mkdir()
    (state / "postgres" / "migrated").touch()


def _break_format(state: Path) -> None:
    (state / "FORMAT").write_text("segops state 0\n")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_break_postgres, "must be of PostgreSQL"),
        (_break_secret, "service-token is damaged: restore it from a backup, or delete all data with `make reset`"),
        (_lose_pepper, "api-key-pepper is missing, and the data depend on it: restore it from a backup"),
        (_break_format, "was written by another version of SegOps"),
    ],
)
async def test_a_damaged_folder_is_one_clear_line(tmp_path: Path, damage: Callable[[Path], None], words: str) -> None:
    folder = tmp_path / "state"
    state = StateFolder(folder)
    with state.hold():
        state.secret("service-token")
    damage(folder)
    assert words in await refused("run", "--port", "0", "--state", str(folder))
    assert left_of(folder) == []


async def test_reset_deletes_the_folder(tmp_path: Path) -> None:
    with StateFolder(tmp_path / "state").hold():
        pass
    process = await asyncio.to_thread(command_line, "reset", "--state", str(tmp_path / "state"))
    assert process.returncode == 0
    assert not (tmp_path / "state").exists()


def test_any_port_will_do() -> None:
    check_port(0)
