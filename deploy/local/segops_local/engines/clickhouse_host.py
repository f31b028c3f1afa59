"""Hosts ClickHouse's server inside a Python process: `python -I -S clickhouse_host.py LIBRARY PORT`.

The library is ClickHouse as a Python extension. It runs `clickhouse-local` with the `config.xml` of the working folder.
Two statements open the HTTP listener and read a pipe to which nothing is ever written. Closing that pipe ends the second
statement, and with it the server: running queries get five seconds to end, then they are cancelled.

The script imports nothing of the project, so that it starts within milliseconds.
"""

import importlib.util
import os
import signal
import socket
import sys
import threading
from contextlib import suppress
from types import ModuleType
from typing import NoReturn

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def host(library: str, port: int) -> None:
    """Serve until a stop signal, then exit with 0. Exit with 1 and the reason when the server ends before.

    The port must be the one in the configuration.
    """
    # Threads inherit the mask, so the signals reach only the `sigwait` below and none of the server's threads.
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
    engine = _load(library)
    reader, writer = os.pipe()
    stopping = threading.Event()
    server = threading.Thread(target=_serve, args=(engine, reader, stopping), daemon=True)
    server.start()
    signal.sigwait(_STOP_SIGNALS)
    stopping.set()
    os.close(writer)
    _end_idle_connections(port)
    server.join()


def _load(library: str) -> ModuleType:
    """Load the extension without its package, which would import pandas and pyarrow."""
    spec = importlib.util.spec_from_file_location("_chdb", library)
    if spec is None or spec.loader is None:
        _fail(f"{library} is not a Python extension")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _serve(engine: ModuleType, reader: int, stopping: threading.Event) -> None:
    statements = f"SYSTEM START LISTEN HTTP; SELECT count() FROM file({reader}, LineAsString) FORMAT Null"  # noqa: S608
    try:
        # The second argument becomes the default format of every answer over HTTP.
        engine.query(statements, "TabSeparated")
    except RuntimeError as error:
        _fail(str(error).partition(", Stack trace")[0])
    if not stopping.is_set():
        _fail("The server ended without a stop signal.")
    # The pipe has ended the server in good order; an ordinary exit would unload the library under its last threads.
    os._exit(0)


def _end_idle_connections(port: int) -> None:
    """Let every connection read the end of its requests, or the server would wait five seconds for idle ones.

    A query that runs still sends its answer.
    """
    for name in os.listdir("/dev/fd"):
        with suppress(OSError), socket.socket(fileno=os.dup(int(name))) as connection:
            # The listener has the same local port and no peer.
            if connection.getsockname()[1:] == (port,) and connection.getpeername():
                connection.shutdown(socket.SHUT_RD)


def _fail(reason: str) -> NoReturn:
    print(" ".join(reason.split()), file=sys.stderr, flush=True)
    os._exit(1)


if __name__ == "__main__":
    host(sys.argv[1], int(sys.argv[2]))
