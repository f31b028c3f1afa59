"""`GET /readyz` of the whole stack: each request asks every process, and the answer names those that are not ready."""

import asyncio
import contextlib
import json
from collections.abc import Sequence

from segops_local.processes.server import Server
from segops_local.state.ports import HOST
from segops_local.supervisor.services import ServiceProcess

_ANSWER = "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {size}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"


class StatusServer:
    """An HTTP server for the gateway. Every path gives the same answer."""

    def __init__(self, *, engines: Sequence[Server], services: Sequence[ServiceProcess]) -> None:
        self._engines = engines
        self._services = services
        self._server: asyncio.Server | None = None

    async def start(self, port: int) -> None:
        self._server = await asyncio.start_server(self._serve, HOST, port)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def report(self) -> dict[str, str]:
        """Return `ready`, `not-ready` or `down` for each process."""
        states = {engine.name: "ready" if engine.running else "down" for engine in self._engines}
        answers = await asyncio.gather(*(service.readiness() for service in self._services))
        for service, answer in zip(self._services, answers, strict=True):
            states[service.name] = {200: "ready", 0: "down"}.get(answer.status, "not-ready")
        return states

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(10):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(self._answer(await self.report()))
                await writer.drain()
        writer.close()

    @staticmethod
    def _answer(states: dict[str, str]) -> bytes:
        ready = all(state == "ready" for state in states.values())
        body = json.dumps({"status": "ready" if ready else "not-ready", "processes": states}).encode()
        status = "200 OK" if ready else "503 Service Unavailable"
        return _ANSWER.format(status=status, kind="application/json", size=len(body)).encode() + body
