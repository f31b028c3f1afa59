"""Runs a process until SIGTERM: uvicorn, the loops of workers, and an orderly stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from segops_common.core.clock import SystemClock
from segops_common.core.ids import SystemIds
from segops_common.core.problems import MalformedRequest
from segops_common.core.tasks import spawn
from segops_common.web.middleware import SECURITY_HEADERS, UNCACHED
from segops_common.web.problems import problem_response

Loop = Callable[[asyncio.Event], Awaitable[None]]
"""A worker's loop: runs until the event is set, then returns within a bounded time."""

STOP_TIMEOUT_S = 20
"""How long loops, and then open requests, may take to end after the signal to stop."""
KEEP_ALIVE_S = 75
"""Longer than a gateway keeps an idle connection: otherwise a request could arrive on one that is being closed."""

_log = logging.getLogger(__name__)


class Server(uvicorn.Server):
    """Reports when it listens, and leaves signals to `serve`, which first turns readiness off."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.listening.set()


class HttpProtocol(HttpToolsProtocol):
    """Answers bytes that are not HTTP with a problem document; no app sees them."""

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 -- the signature is uvicorn's
        """Send the refusal and close the connection."""
        request_id = SystemIds(SystemClock()).uuid7()
        refusal = problem_response(
            status=MalformedRequest.status,
            slug=MalformedRequest.default_slug,
            title=MalformedRequest.title,
            detail="The request must be valid HTTP: a known method, a percent-encoded target, no control character in a "
            "header, and a body as long as it says.",
            instance=request_id,
            headers={"Connection": "close", "X-Request-Id": request_id},
        )
        headers = [*refusal.raw_headers, *SECURITY_HEADERS, UNCACHED]
        lines = [b"HTTP/1.1 400 Bad Request", *(name + b": " + value for name, value in headers)]
        self.transport.write(b"\r\n".join(lines) + b"\r\n\r\n" + bytes(refusal.body))
        self.transport.close()


@dataclass(frozen=True, slots=True)
class Address:
    """Where a process listens. A stopping one serves for `drain_s` more, until load balancers see that it is not ready."""

    host: str
    port: int
    drain_s: float = 0.0
    internal_port: int | None = None
    """Where an API serves health, metrics and `/internal/`, and a process with loops everything; None: at `port`."""


async def serve(app: FastAPI, address: Address, *, loops: Sequence[Loop] = ()) -> None:
    """Serve until SIGTERM or SIGINT, then turn readiness off, drain and stop.

    Only a process without loops drains, because workers receive no requests. Loops are stopped when the signal arrives,
    and end before the app's resources are closed. A second signal ends all waiting. Raises the error of a loop that
    failed or ended early, after stopping the rest, and SystemExit when the port is in use or the resources cannot be
    opened.
    """
    stop, hurry = asyncio.Event(), asyncio.Event()
    is_api = not loops
    port = address.port if is_api or address.internal_port is None else address.internal_port
    server = Server(server_config(app, host=address.host, port=port))
    sockets = None
    if is_api and address.internal_port is not None:
        app.state.internal_port.port = address.internal_port
        sockets = [listening_socket(address.host, number) for number in (address.port, address.internal_port)]
    failures: list[BaseException] = []
    _listen_for_signals(stop, hurry)
    working = [spawn(_looped(loop, server, stop, failures), name=f"loop {number}") for number, loop in enumerate(loops)]
    serving = spawn(_served(server, sockets, stop, failures), name="http")
    await stop.wait()
    app.state.health.draining = True
    if server.started and is_api:
        await _until(hurry, address.drain_s)
    await _finish(working, hurry)
    server.should_exit, server.force_exit = True, hurry.is_set()
    await serving
    if failures:
        raise failures[0]


def server_config(app: FastAPI, *, host: str, port: int) -> uvicorn.Config:
    """Return the uvicorn configuration of every process."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=HttpProtocol,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        # `request/client_address.py` reads the headers of proxies, by our own setting.
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_TIMEOUT_S,
    )


def listening_socket(host: str, port: int) -> socket.socket:
    """Return a socket that is bound. Raises SystemExit when the port is in use."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        _log.error("cannot listen on %s port %d: %s", host, port, error.strerror)
        raise SystemExit(1) from error
    return listener


def _listen_for_signals(stop: asyncio.Event, hurry: asyncio.Event) -> None:
    def on_signal() -> None:
        (hurry if stop.is_set() else stop).set()

    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, on_signal)


async def _served(
    server: Server, sockets: list[socket.socket] | None, stop: asyncio.Event, failures: list[BaseException]
) -> None:
    try:
        # Not `serve`, which would take the signals for itself.
        await server._serve(sockets)
    except SystemExit as error:
        # Raised inside a task it would tear the event loop down before anything is closed.
        failures.append(error)
    finally:
        stop.set()
        server.listening.set()


async def _looped(loop: Loop, server: Server, stop: asyncio.Event, failures: list[BaseException]) -> None:
    await server.listening.wait()
    if stop.is_set():
        return
    try:
        await loop(stop)
        if not stop.is_set():
            raise RuntimeError("a loop ended before the process was stopped")
    except Exception as error:
        _log.exception("a loop failed; the process stops")
        failures.append(error)
    finally:
        stop.set()


async def _finish(working: Sequence[asyncio.Task[None]], hurry: asyncio.Event) -> None:
    """Wait for the loops to end within their time limit, then cancel them."""
    ended = spawn(_ended(working), name="loops end")
    limit = spawn(_until(hurry, STOP_TIMEOUT_S), name="stop limit")
    await asyncio.wait({ended, limit}, return_when=asyncio.FIRST_COMPLETED)
    limit.cancel()
    for task in working:
        if not task.done():
            _log.error("%s did not stop in time and is cancelled", task.get_name())
            task.cancel()
    await ended


async def _ended(working: Sequence[asyncio.Task[None]]) -> None:
    if working:
        await asyncio.wait(working)


async def _until(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
