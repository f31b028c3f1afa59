"""`GET /readyz` and `GET /metrics` of the whole stack: each request asks every process.

The answer to `/readyz` names the processes that are not ready. The gateway passes on that path only, so `/metrics` can be
read on this server's own port, which only this machine reaches.
"""

import asyncio
import contextlib
import json
from collections.abc import Sequence

from segops_local.processes.server import Server
from segops_local.state.ports import HOST
from segops_local.supervisor import metrics_page
from segops_local.supervisor.services import ServiceProcess

_ANSWER = "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {size}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
_FORBIDDEN = b"This page must be opened at its own address.\n"


class StatusServer:
    """An HTTP server for the gateway and for Prometheus. Every path but `/metrics` gives the answer to `/readyz`."""

    def __init__(self, *, engines: Sequence[Server], services: Sequence[ServiceProcess]) -> None:
        self._engines = engines
        self._services = services
        self._server: asyncio.Server | None = None
        self._hosts: frozenset[str] = frozenset()

    async def start(self, port: int) -> None:
        self._hosts = frozenset(f"{name}:{port}" for name in (HOST, "localhost"))
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

    async def metrics(self) -> str:
        """Return the metrics of all processes, by `metrics_page.merged`."""
        answers = await asyncio.gather(*(service.metrics() for service in self._services))
        pages = {
            service.name: answer.body.decode() if answer.status == 200 else None
            for service, answer in zip(self._services, answers, strict=True)
        }
        return await asyncio.to_thread(metrics_page.merged, pages)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(10):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(await self._respond(head.decode("latin-1")))
                await writer.drain()
        writer.close()

    async def _respond(self, head: str) -> bytes:
        if not head.startswith("GET /metrics "):
            return self._status(await self.report())
        # Another name that leads here is of a page of somebody else, which a browser would let read the answer.
        host = next((line[5:].strip() for line in head.split("\r\n") if line.lower().startswith("host:")), "")
        if host not in self._hosts:
            return _answer("403 Forbidden", "text/plain", _FORBIDDEN)
        return _answer("200 OK", metrics_page.CONTENT_TYPE, (await self.metrics()).encode())

    @staticmethod
    def _status(states: dict[str, str]) -> bytes:
        ready = all(state == "ready" for state in states.values())
        body = json.dumps({"status": "ready" if ready else "not-ready", "processes": states}).encode()
        return _answer("200 OK" if ready else "503 Service Unavailable", "application/json", body)


def _answer(status: str, kind: str, body: bytes) -> bytes:
    return _ANSWER.format(status=status, kind=kind, size=len(body)).encode() + body
