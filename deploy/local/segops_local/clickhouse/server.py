"""The process: one port, one data folder, an ordered end."""

import asyncio
import contextlib
import fcntl
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Never

import uvicorn

from .app import Front
from .engine import Engine
from .errors import QueryFailed
from .lanes import Lanes
from .repair import forget_tokens_without_parts

_LOCKED = "Cannot lock file"
KILL_S = 2
"""What a query gets to end after KILL QUERY."""
KEEP_ALIVE_S = 600
"""Longer than any client keeps an idle connection, so that none is closed under a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How to run; `grace_s` is what running queries get at SIGTERM."""

    data: Path
    host: str
    port: int
    max_queries: int
    grace_s: int


class _Server(uvicorn.Server):
    """uvicorn with a success as the end of an ordered stop, and an end to queries that outlive the grace."""

    def __init__(self, config: uvicorn.Config, *, engine: Engine, grace_s: int) -> None:
        super().__init__(config)
        self.engine = engine
        self._grace_s = grace_s

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on signals without raising them again at the end."""
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, self.handle_exit, signum, None)
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept nothing more, let running queries end, stop those that are still there after the grace."""
        late = asyncio.create_task(self._stop_late_queries())
        await super().shutdown(sockets)
        late.cancel()

    async def _stop_late_queries(self) -> None:
        await asyncio.sleep(self._grace_s)
        await asyncio.to_thread(self.engine.kill, "")


def serve(options: Options) -> None:
    """Serve until SIGTERM or SIGINT, then exit 0; exit 1 with one line when port or folder cannot be used."""
    listener = _listen(options)
    engine = _open_engine(options)
    lanes = Lanes(options.max_queries)
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    config = uvicorn.Config(
        Front(
            engine=engine,
            inserts=_empty_folder(options.data / "inserts"),
            lanes=lanes,
            display_name=socket.gethostname(),
        ),
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=options.grace_s + KILL_S,
        server_header=False,
        date_header=False,
    )
    asyncio.run(_serve_and_leave(_Server(config, engine=engine, grace_s=options.grace_s), listener, lanes))


async def _serve_and_leave(server: _Server, listener: socket.socket, lanes: Lanes) -> None:
    await server.serve(sockets=[listener])
    if lanes.idle:
        server.engine.close()
    # A query that not even KILL ended keeps its thread inside the engine; an ordinary exit would wait for it for ever.
    sys.stderr.flush()
    os._exit(0)


def _listen(options: Options) -> socket.socket:
    # asyncio turns Nagle's delay off only for sockets that name their protocol.
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((options.host, options.port))
    except OSError as error:
        _stop(f"cannot listen on {options.host}:{options.port} ({error.strerror}); choose another --port")
    return listener


def _open_engine(options: Options) -> Engine:
    try:
        options.data.mkdir(parents=True, exist_ok=True)
        _hold(options.data)
        forget_tokens_without_parts(options.data)
        with _captured_stderr() as said:
            try:
                return Engine(options.data)
            except QueryFailed as error:
                reason = said() or error.text
    except BlockingIOError:
        reason = _LOCKED
    except OSError as error:
        reason = str(error)
    if _LOCKED in reason:
        return _stop(f"{options.data} is in use by another process; stop that one or choose another --data")
    remedy = "move it away to start empty, or choose another --data"
    return _stop(f"cannot open the data folder {options.data}: {reason[:500]}; {remedy}")


def _hold(data: Path) -> None:
    """Keep the folder to this process until it ends. Raises BlockingIOError when another one has it."""
    fcntl.flock(os.open(data / "front.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC), fcntl.LOCK_EX | fcntl.LOCK_NB)


def _empty_folder(path: Path) -> Path:
    """A killed process leaves the data of its unfinished inserts behind."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    return path


@contextlib.contextmanager
def _captured_stderr() -> Iterator[Callable[[], str]]:
    """The engine explains a failed start on the process's stderr only, so that is caught and put into our line."""
    sys.stderr.flush()
    kept = os.dup(sys.stderr.fileno())
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), sys.stderr.fileno())
        try:
            yield lambda: os.pread(caught.fileno(), 4096, 0).decode(errors="replace").strip()
        finally:
            os.dup2(kept, sys.stderr.fileno())
            os.close(kept)


def _stop(reason: str) -> Never:
    print(f"segops_local.clickhouse: {' '.join(reason.split())}", file=sys.stderr, flush=True)
    os._exit(1)
