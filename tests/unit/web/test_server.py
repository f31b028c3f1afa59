"""A real process from its first request to its orderly end."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[3]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@asynccontextmanager
async def running(behaviour: str, port: int, *internal_port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.unit.web.served",
        str(port),
        behaviour,
        *map(str, internal_port),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def hear(process: asyncio.subprocess.Process, word: str) -> None:
    assert process.stdout is not None
    async with asyncio.timeout(60):
        while (line := await process.stdout.readline()).decode().strip() != word:
            assert line, f"the process ended before it said {word!r}"


async def the_rest(process: asyncio.subprocess.Process) -> list[str]:
    assert process.stdout is not None
    async with asyncio.timeout(60):
        return (await process.stdout.read()).decode().split("\n")[:-1]


async def test_health_and_metrics_have_a_port_of_their_own() -> None:
    port, internal = free_port(), free_port()
    outside, inside = (httpx.AsyncClient(base_url=f"http://127.0.0.1:{number}") for number in (port, internal))
    async with running("drain", port, internal) as process, outside, inside:
        await hear(process, "opened")
        await becomes(inside, 200)
        for path in ("/livez", "/healthz", "/readyz", "/metrics"):
            assert (await inside.get(path)).status_code == 200
            refused = await outside.get(path)
            assert (refused.status_code, refused.json()["title"]) == (404, "Not found")
        assert [(await client.get("/openapi.json")).status_code for client in (outside, inside)] == [200, 404]
        process.terminate()
        await becomes(inside, 503)
        assert (await outside.get("/openapi.json")).status_code == 200


async def test_a_process_with_loops_listens_on_its_internal_port_only() -> None:
    port, internal = free_port(), free_port()
    async with running("obedient", port, internal) as process:
        await hear(process, "looping")
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"http://127.0.0.1:{internal}/livez")).status_code == 200
            with pytest.raises(httpx.ConnectError):
                await client.get(f"http://127.0.0.1:{port}/livez")
        process.terminate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_loops_then_resources_then_the_process(number: signal.Signals) -> None:
    async with running("obedient", free_port()) as process:
        await hear(process, "looping")
        process.send_signal(number)
        assert await the_rest(process) == ["told to stop", "closed"]
        assert await process.wait() == 0


async def test_while_it_drains_it_serves_and_is_not_ready() -> None:
    port = free_port()
    async with running("drain", port) as process, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        await hear(process, "opened")
        await becomes(client, 200)
        process.terminate()
        await becomes(client, 503)
        assert (await client.get("/livez")).status_code == 200
        assert await the_rest(process) == ["closed"]
        assert await process.wait() == 0


async def becomes(client: httpx.AsyncClient, status: int) -> None:
    """Readiness answers that within a few seconds."""
    for _ in range(200):
        with suppress(httpx.ConnectError):
            if (await client.get("/readyz")).status_code == status:
                return
        await asyncio.sleep(0.02)
    pytest.fail(f"/readyz did not become {status}")


@pytest.mark.parametrize("behaviour", ["failing", "idle"])
async def test_a_loop_that_ends_takes_the_process_with_it(behaviour: str) -> None:
    async with running(behaviour, free_port()) as process:
        assert (await the_rest(process))[-1] == "closed"
        assert await process.wait() == 1


async def test_a_second_signal_ends_all_waiting() -> None:
    async with running("deaf", free_port()) as process:
        await hear(process, "looping")
        process.terminate()
        await asyncio.sleep(0.3)
        assert process.returncode is None
        process.terminate()
        await the_rest(process)
        assert await process.wait() == 0


async def test_a_taken_port_is_a_failure_to_start() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        async with running("obedient", listener.getsockname()[1]) as process:
            assert await the_rest(process) == ["opened", "closed"]
            assert await process.wait() == 3
