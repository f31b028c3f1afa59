"""Runs a process to its end: uvicorn for the HTTP face, loops beside it for workers, an orderly stop on SIGTERM."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence

import uvicorn
from fastapi import FastAPI

Loop = Callable[[asyncio.Event], Awaitable[None]]
"""A worker's loop: runs until the event is set, then returns within a bounded time."""

STOP_TIMEOUT_S = 20
MAX_HEADER_BYTES = 16 * 1024


class _Server(uvicorn.Server):
    """Says when it has started; leaves signals to `serve`, who tells readiness first."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.listening.set()


async def serve(app: FastAPI, *, host: str, port: int, loops: Sequence[Loop] = (), drain_s: float = 0.0) -> None:
    """Serve until SIGTERM or SIGINT; then not ready, `drain_s` more seconds of service, and out in an orderly way.

    Raises the error of a loop that failed, after stopping the rest.
    """
    stop = asyncio.Event()
    running = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        running.add_signal_handler(name, stop.set)
    server = _Server(_config(app, host, port))

    async def stop_serving() -> None:
        await stop.wait()
        app.state.health.draining = True
        await asyncio.sleep(drain_s)
        server.should_exit = True

    async with asyncio.TaskGroup() as group:
        group.create_task(_served(server, stop))
        group.create_task(stop_serving())
        for loop in loops:
            group.create_task(_looped(loop, server, stop))


async def _served(server: _Server, stop: asyncio.Event) -> None:
    try:
        await server._serve()
    finally:
        stop.set()
        server.listening.set()
    if not server.started:
        raise SystemExit(3)


async def _looped(loop: Loop, server: _Server, stop: asyncio.Event) -> None:
    try:
        await server.listening.wait()
        await loop(stop)
    finally:
        stop.set()


def _config(app: FastAPI, host: str, port: int) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=STOP_TIMEOUT_S,
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
    )
