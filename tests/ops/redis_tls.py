"""Redis from the system, which unlike the Valkey of `make run` can use TLS."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from segops_local.processes.host import child_environment
from segops_local.processes.process import Command
from segops_local.processes.server import Server
from segops_local.state.ports import HOST
from tests.shared.certificates import Authority
from tests.shared.valkey_nodes import ENCODED, OPERATOR, PASSWORD


class RedisTls(Server):
    """A server that listens with TLS only. With `master`, it is a Sentinel that watches it over TLS."""

    name = "redis"
    title = "Redis"

    def __init__(self, state_dir: Path, program: Path, authority: Authority, master: RedisTls | None = None) -> None:
        super().__init__(state_dir)
        self._program = program
        self._authority = authority
        self._certificate = authority.issue(HOST)
        self._master = master

    @property
    def url(self) -> str:
        return f"rediss://{OPERATOR}:{ENCODED}@{self.address(self.port)}/0"

    def command(self, port: int) -> Command:
        file = self.state_dir / "redis.conf"
        file.write_text("\n".join([*self._lines(port), ""]))
        return Command(
            argv=[str(self._program), str(file), *(("--sentinel",) if self._master else ())],
            environment=child_environment(),
            log=self.log,
            folder=self.state_dir,
        )

    async def answers(self) -> bool:
        return self.log.exists() and b"Running mode=" in self.log.read_bytes()

    def _lines(self, port: int) -> Sequence[str]:
        tls = [f"{name} {self._certificate}" for name in ("tls-cert-file", "tls-key-file")]
        lines = [
            f"port 0\ntls-port {port}\nbind {HOST}\ndir {self.state_dir}\ntls-auth-clients no",
            f"tls-ca-cert-file {self._authority.ca_file}\ntls-replication yes",
            f"user default off\nuser {OPERATOR} on >{PASSWORD} ~* &* +@all",
            *tls,
        ]
        if self._master is None:
            return [*lines, 'save ""\nappendonly yes\nappendfsync always']
        return [
            *lines,
            f"sentinel monitor main {HOST} {self._master.port} 1",
            f"sentinel auth-user main {OPERATOR}\nsentinel auth-pass main {PASSWORD}",
        ]
