"""Free ports of this machine, remembered between runs.

Between the choice of a port and the start of its server seconds pass, in which the port is free for others. So a program
that has chosen a port holds a name of the system until the server listens or the program ends, and others choose another port.
"""

import json
import os
import platform
import secrets
import socket
from collections.abc import Iterable
from pathlib import Path

from segops_local.errors import LocalError
from segops_local.state.secrets import write_private

HOST = "127.0.0.1"
# Below Linux's ephemeral range (32768 and up), so that no outgoing connection takes a remembered port.
_FIRST = 20_000
_COUNT = 12_000
_held: dict[int, int] = {}
"""The descriptor of the name of each port that this program holds."""


def is_free(port: int, host: str = HOST) -> bool:
    """Return whether a server could listen on the port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_port() -> int:
    """Return a port without a listener, chosen at random, and hold it. Raises LocalError when it finds none."""
    for _ in range(200):
        port = _FIRST + secrets.randbelow(_COUNT)
        if port not in _held and _hold(port):
            if is_free(port):
                return port
            let_go([port])
    raise LocalError(f"No free port found between {_FIRST} and {_FIRST + _COUNT}: stop some programs and try again.")


def let_go(ports: Iterable[int]) -> None:
    """Hold the ports no longer: their servers listen, or will not start."""
    for port in ports:
        if (holder := _held.pop(port, None)) is not None:
            os.close(holder)


def remembered_port(file: Path) -> int:
    """Return the port written in `file` if it is still free, else write a new one there. It is held."""
    port = _read(file)
    if port is None or not _is_ours(port):
        port = free_port()
        write_private(file, str(port))
    return port


def remembered_ports(file: Path, names: Iterable[str]) -> dict[str, int]:
    """Return a different port for each name, the same as last time where it is still free. All are held."""
    former = _read_all(file)
    ports: dict[str, int] = {}
    for name in names:
        port = former.get(name)
        while port is None or port in ports.values() or not _is_ours(port):
            port = free_port()
        ports[name] = port
    write_private(file, json.dumps(ports))
    return ports


def _is_ours(port: int) -> bool:
    return is_free(port) and _hold(port)


def _hold(port: int) -> bool:
    """Return whether no other program holds the port; then this one does. Only Linux has names that end with their program."""
    if port in _held or platform.system() != "Linux":
        return True
    holder = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        holder.bind(f"\0segops-port-{port}")
    except OSError:
        holder.close()
        return False
    _held[port] = holder.detach()
    return True


def _read_all(file: Path) -> dict[str, int]:
    try:
        content = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    entries = content.items() if isinstance(content, dict) else ()
    return {name: port for name, port in entries if isinstance(port, int) and 0 < port < 65_536}


def _read(file: Path) -> int | None:
    try:
        port = int(file.read_text())
    except (OSError, ValueError):
        return None
    return port if 0 < port < 65_536 else None
