"""Clients for apps in tests: within the process, or over a socket."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI

from segops_common.web.server import Server, server_config


@asynccontextmanager
async def in_process(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client of the app with its resources open. A failure of the app is a response, not an exception."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://segops.test") as client,
    ):
        yield client


@asynccontextmanager
async def on_port(app: FastAPI) -> AsyncIterator[tuple[str, int]]:
    """Serve the app with the product's server settings, and yield host and port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        host, port = listener.getsockname()
        server = Server(server_config(app, host=host, port=port))
        async with asyncio.TaskGroup() as group:
            group.create_task(server._serve([listener]))
            await server.listening.wait()
            yield host, port
            server.should_exit = True


async def raw_exchange(host: str, port: int, request: bytes, *, timeout_s: float = 5.0) -> bytes:
    """Call `exchange` in a thread."""
    return await asyncio.to_thread(exchange, host, port, request, timeout_s)


def exchange(host: str, port: int, request: bytes, timeout_s: float) -> bytes:
    """Send the bytes on a new connection, and return everything received until it is closed.

    A server that closes before it has read everything is no error: what it said until then is returned.
    """
    answer = bytearray()
    with socket.create_connection((host, port), timeout=timeout_s) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(request)
        with contextlib.suppress(ConnectionError):
            while part := connection.recv(65536):
                answer += part
    return bytes(answer)
