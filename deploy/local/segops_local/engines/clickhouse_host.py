"""Hosts ClickHouse's server inside a Python process: `python -I -S clickhouse_host.py LIBRARY DATA LISTENERS [PORT…]`.

The library is ClickHouse as a Python extension. It runs `clickhouse-local` with the `config.xml` of the working folder.
Statements open the listeners, `HTTP=port` and for a shard of a cluster also `TCP=port`, and read a pipe to which nothing is
ever written. Closing that pipe ends the last statement, and with it the server: running queries get five seconds to end, then
they are cancelled.

The SQL function `file()` of this library reads every file that its process may read, whatever a user's grants. So the
process gives up, by Landlock, all files but its data and its configuration, and all connections to elsewhere but to the ports
of the bucket for exports and of the other shards, if there are any. Only then does it repair the data, in which this user may
have left links.

The script imports no package of the project, so that it starts within milliseconds.
"""

import ctypes
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
_NO_NEW_PRIVILEGES = 38
# linux/landlock.h. The numbers of the calls are the same on all architectures.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_OF_LANDLOCK = 1
_EVERYTHING, _TRUNCATE, _READ = (1 << 14) - 1, 1 << 14, 1 << 2 | 1 << 3
_CONNECT = 1 << 1
_PATH_BENEATH, _NET_PORT = 1, 2


def host(library: str, data: str, listeners: dict[str, int], reachable: tuple[int, ...]) -> None:
    """Serve until a stop signal, then exit with 0. Exit with 1 and the reason when the server ends before.

    The ports of the listeners must be those in the configuration.
    """
    # Threads inherit the mask, so the signals reach only the `sigwait` below and none of the server's threads.
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
    engine = _load("_chdb", library)
    repair = _load(
        "clickhouse_repair", os.path.join(os.path.dirname(os.path.abspath(__file__)), "clickhouse_repair.py")
    )
    confine(writable=data, readable=(os.getcwd(), "/proc", "/sys", "/dev"), reachable=reachable)
    for warning in repair.forget_tokens_without_parts(data):
        print(warning, file=sys.stderr, flush=True)
    reader, writer = os.pipe()
    stopping = threading.Event()
    server = threading.Thread(target=_serve, args=(engine, reader, tuple(listeners), stopping), daemon=True)
    server.start()
    signal.sigwait(_STOP_SIGNALS)
    stopping.set()
    os.close(writer)
    _end_idle_connections({(port,) for port in listeners.values()})
    server.join()


def _load(name: str, file: str) -> ModuleType:
    """Load a module without its package. That of the extension would import pandas and pyarrow."""
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        _fail(f"{file} is not a Python module")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def confine(*, writable: str, readable: tuple[str, ...], reachable: tuple[int, ...] = ()) -> bool:
    """Limit this thread, and those it starts, to these folders, and to connections to the ports `reachable`.

    Return False when the kernel cannot: it is before 5.19.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_CREATE_RULESET, None, 0, _VERSION_OF_LANDLOCK)
    if version < 2:  # the first version forbids moving files between folders
        print("The kernel has no Landlock: a statement may read the files of this user.", file=sys.stderr, flush=True)
        return False
    access = _EVERYTHING | (_TRUNCATE if version >= 3 else 0)
    connections = _CONNECT if version >= 4 else 0
    attributes = (ctypes.c_uint64 * 2)(access, connections)
    size = 16 if version >= 4 else 8
    rules = _checked(libc.syscall(_CREATE_RULESET, attributes, size, 0))
    for folder, allowed in [(writable, access), *((folder, _READ) for folder in readable)]:
        descriptor = os.open(folder, os.O_PATH | os.O_CLOEXEC)
        rule = allowed.to_bytes(8, sys.byteorder) + descriptor.to_bytes(4, sys.byteorder)
        _checked(libc.syscall(_ADD_RULE, rules, _PATH_BENEATH, rule, 0))
        os.close(descriptor)
    for port in reachable if connections else ():
        _checked(libc.syscall(_ADD_RULE, rules, _NET_PORT, (ctypes.c_uint64 * 2)(_CONNECT, port), 0))
    _checked(libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    _checked(libc.syscall(_RESTRICT_SELF, rules, 0))
    os.close(rules)
    return True


def _checked(result: int) -> int:
    if result < 0:
        _fail(f"The kernel refused to limit the server to its folder: {os.strerror(ctypes.get_errno())}")
    return result


def _serve(engine: ModuleType, reader: int, listeners: tuple[str, ...], stopping: threading.Event) -> None:
    opening = "".join(f"SYSTEM START LISTEN {listener}; " for listener in listeners)
    statements = f"{opening}SELECT count() FROM file({reader}, LineAsString) FORMAT Null"  # noqa: S608
    try:
        # The second argument becomes the default format of every answer over HTTP.
        engine.query(statements, "TabSeparated")
    except RuntimeError as error:
        _fail(str(error).partition(", Stack trace")[0])
    if not stopping.is_set():
        _fail("The server ended without a stop signal.")
    # The pipe has ended the server in good order; an ordinary exit would unload the library under its last threads.
    os._exit(0)


def _end_idle_connections(ports: set[tuple[int]]) -> None:
    """Let every connection read the end of its requests, or the server would wait five seconds for idle ones.

    A query that runs still sends its answer.
    """
    for name in os.listdir("/dev/fd"):
        with suppress(OSError), socket.socket(fileno=os.dup(int(name))) as connection:
            # The listener has the same local port and no peer.
            if connection.getsockname()[1:] in ports and connection.getpeername():
                connection.shutdown(socket.SHUT_RD)


def _fail(reason: str) -> NoReturn:
    print(" ".join(reason.split()), file=sys.stderr, flush=True)
    os._exit(1)


if __name__ == "__main__":
    ports = dict(listener.split("=") for listener in sys.argv[3].split(","))
    host(sys.argv[1], sys.argv[2], {name: int(port) for name, port in ports.items()}, tuple(map(int, sys.argv[4:])))
