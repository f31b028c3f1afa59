"""Runs apps in their own processes and measures their CPU per request."""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

CONNECTIONS = 4
HOST = "127.0.0.1"


def request(method: str, target: str, body: bytes = b"", headers: str = "") -> bytes:
    """Return an HTTP/1.1 request; each line of `headers` must end in CRLF."""
    sized = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
    return f"{method} {target} HTTP/1.1\r\nHost: bench\r\n{headers}{sized}\r\n".encode() + body


class Connection:
    """One kept-alive connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def to(cls, port: int) -> Connection:
        """Connect to a server of this machine."""
        return cls(*await asyncio.open_connection(HOST, port))

    async def send(self, message: bytes) -> bytes:
        """Send a request and return the response body. Raises RuntimeError unless the status is 2xx."""
        self._writer.write(message)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length"))
        body = await self._reader.readexactly(int(length.split(b":")[1]))
        if not head.startswith(b"HTTP/1.1 2"):
            raise RuntimeError((head + body).decode())
        return body

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()


@dataclass(frozen=True, slots=True)
class Served:
    """A server under measurement."""

    pid: int
    port: int

    async def cpu_us(self, message: bytes, times: int) -> float:
        """Return microseconds of the server's CPU, user and system, per request."""
        before = self._cpu_s()
        await asyncio.gather(*(self._send(message, times // CONNECTIONS) for _ in range(CONNECTIONS)))
        return (self._cpu_s() - before) / (times // CONNECTIONS * CONNECTIONS) * 1e6

    def _cpu_s(self) -> float:
        # From the scheduler, in nanoseconds: the usual user and system times advance in steps of 10 ms.
        threads = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9

    async def _send(self, message: bytes, times: int) -> None:
        connection = await Connection.to(self.port)
        for _ in range(times):
            await connection.send(message)
        connection.close()


def serve(build: Callable[..., ASGIApp], arguments: tuple[str, ...], port: int) -> None:
    """Run an app with uvicorn and the product's options."""
    uvicorn.run(
        build(*arguments),
        host=HOST,
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="auto",
        access_log=False,
        server_header=False,
        log_level="error",
    )


@asynccontextmanager
async def served(build: Callable[..., ASGIApp], *arguments: str) -> AsyncIterator[Served]:
    """Run the app that `build` returns in a process of its own. `build` must be a module's function, to be pickled."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(build, arguments, port), daemon=True)
    process.start()
    try:
        await _answers(port)
        if process.pid is None:
            raise RuntimeError("the server has no process")
        yield Served(process.pid, port)
    finally:
        process.terminate()
        process.join()


async def _answers(port: int) -> None:
    for _ in range(300):
        try:
            connection = await Connection.to(port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            connection.close()
            return
    raise RuntimeError("the server did not start")
