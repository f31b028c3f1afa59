"""Running a role of the segments service as the process it is in production."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx


def environment(postgres_url: str, redis_url: str, **more: str) -> dict[str, str]:
    """What a role reads; its event log is a Valkey database of its own."""
    given = {name: value for name, value in os.environ.items() if not name.startswith("SEGOPS_")}
    return {
        **given,
        "SEGOPS_ENV": "test",
        "SEGOPS_HTTP_PORT": str(free_port()),
        "SEGOPS_POSTGRES_URL": postgres_url,
        "SEGOPS_REDIS_URL": redis_url,
        "SEGOPS_EVENT_LOG_URL": event_log_url(redis_url),
        "SEGOPS_AUTH_URL": "http://127.0.0.1:1",
        "SEGOPS_MEMBERSHIP_URL": "http://127.0.0.1:1",
        "SEGOPS_SERVICE_TOKEN": "service",
        **more,
    }


def event_log_url(redis_url: str) -> str:
    """The event log of these tests."""
    return redis_url.replace("redis://", "valkey://").rsplit("/", 1)[0] + "/7"


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def start(role: str, env: Mapping[str, str], *arguments: str) -> asyncio.subprocess.Process:
    """The process of a role."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "segops_segments", role, *arguments, env=dict(env), stdout=asyncio.subprocess.DEVNULL
    )


async def run(role: str, env: Mapping[str, str], *arguments: str) -> int:
    """Run a role to its end; its exit status."""
    process = await start(role, env, *arguments)
    try:
        async with asyncio.timeout(60):
            return await process.wait()
    finally:
        if process.returncode is None:
            process.kill()


@asynccontextmanager
async def running(role: str, env: Mapping[str, str]) -> AsyncIterator[None]:
    """A role that is ready; asked to stop at the end, which it does well."""
    process = await start(role, env)
    try:
        await _ready(int(env["SEGOPS_HTTP_PORT"]), process)
        yield
        process.terminate()
        async with asyncio.timeout(30):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()


async def _ready(port: int, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(60), httpx.AsyncClient(trust_env=False) as client:
        while process.returncode is None:
            try:
                if (await client.get(f"http://127.0.0.1:{port}/readyz")).is_success:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)
    raise AssertionError("the process ended before it was ready")
