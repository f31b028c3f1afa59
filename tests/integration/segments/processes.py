"""Running a role of the segments service as the process that it is in production."""

from __future__ import annotations

import asyncio
import os
import socket
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from tests.shared.fork_server import ForkedProcess, ForkServer


@dataclass(frozen=True, slots=True)
class Processes:
    """Starts roles with these environment variables."""

    forks: ForkServer
    environment: Mapping[str, str]

    def with_variables(self, **variables: str) -> Processes:
        """Return the same with further environment variables."""
        return Processes(self.forks, {**self.environment, **variables})

    async def run(self, role: str, *arguments: str) -> int:
        """Run a role to its end and return its exit status."""
        process = await self._start(role, *arguments)
        try:
            async with asyncio.timeout(60):
                return await process.wait()
        finally:
            process.kill()

    @asynccontextmanager
    async def running(self, role: str) -> AsyncIterator[None]:
        """Run a role, ready when the block begins; at the end it must stop on SIGTERM without an error."""
        port = free_port()
        process = await self.with_variables(SEGOPS_HTTP_PORT=str(port))._start(role)
        try:
            await _until_ready(port, process)
            yield
            process.terminate()
            async with asyncio.timeout(60):
                assert await process.wait() == 0
        finally:
            process.kill()

    async def _start(self, role: str, *arguments: str) -> ForkedProcess:
        return await self.forks.start("-m", "segops_segments", role, *arguments, env=self.environment, stdout=DEVNULL)


def processes_on(forks: ForkServer, owner_url: str, postgres_url: str, redis_url: str) -> Processes:
    """Return processes on these engines; their event log is a Valkey database of its own."""
    forks.preload("segops_segments.app")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SEGOPS_")}
    return Processes(
        forks,
        {
            **inherited,
            "SEGOPS_ENV": "test",
            "SEGOPS_POSTGRES_URL": postgres_url,
            "SEGOPS_MIGRATE_POSTGRES_URL": owner_url,
            "SEGOPS_REDIS_URL": redis_url,
            "SEGOPS_EVENT_LOG_URL": event_log_url(redis_url),
            "SEGOPS_AUTH_URL": "http://127.0.0.1:1",
            "SEGOPS_MEMBERSHIP_URL": "http://127.0.0.1:1",
            "SEGOPS_SERVICE_TOKEN": "service",
        },
    )


def event_log_url(redis_url: str) -> str:
    """Return the URL of the event log of these tests."""
    return redis_url.replace("redis://", "valkey://").rsplit("/", 1)[0] + "/7"


def free_port() -> int:
    """Return a port that no process listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _until_ready(port: int, process: ForkedProcess) -> None:
    async with asyncio.timeout(60), httpx.AsyncClient(trust_env=False) as client:
        while process.returncode is None:
            try:
                if (await client.get(f"http://127.0.0.1:{port}/readyz")).is_success:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.02)
    raise AssertionError("the process ended before it was ready")
