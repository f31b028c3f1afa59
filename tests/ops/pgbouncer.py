"""PgBouncer, with TLS for its clients, in front of a PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from segops_local.processes.host import child_environment
from segops_local.processes.identity import give
from segops_local.processes.process import Command
from segops_local.processes.server import Server
from segops_local.state.ports import HOST
from tests.shared.certificates import Authority

SERVER_CONNECTIONS: Final = 3
_CONFIG: Final = """\
[databases]
* = host={host} port={server}

[pgbouncer]
listen_addr = {host}
listen_port = {port}
unix_socket_dir =
auth_type = plain
auth_file = {users}
pool_mode = transaction
default_pool_size = {connections}
max_client_conn = 200
client_tls_sslmode = require
client_tls_key_file = {certificate}
client_tls_cert_file = {certificate}
server_tls_sslmode = disable
server_round_robin = 1
"""


class PgBouncer(Server):
    """Gives each transaction one of few connections of its role, in turn."""

    name = "pgbouncer"
    title = "PgBouncer"

    def __init__(self, state_dir: Path, program: Path, urls: dict[str, str], authority: Authority) -> None:
        super().__init__(state_dir)
        self._program = program
        self._urls = urls
        self._certificate = authority.issue(HOST)

    @property
    def url(self) -> str:
        return self.url_for("owner")

    def url_for(self, role: str) -> str:
        """Return the address of a role, which checks the certificate."""
        url = self._urls[role]
        return f"{url.replace(f':{urlsplit(url).port}/', f':{self.port}/')}?sslmode=verify-full"

    def programs(self) -> tuple[Path, ...]:
        return (self._program,)  # PgBouncer refuses to run as root

    def command(self, port: int) -> Command:
        users, config = self.state_dir / "users.txt", self.state_dir / "pgbouncer.ini"
        certificate = self.state_dir / "server.pem"
        certificate.write_bytes(self._certificate.read_bytes())
        parts = [urlsplit(url) for url in self._urls.values()]
        users.write_text("".join(f'"{part.username}" "{part.password}"\n' for part in parts))
        config.write_text(
            _CONFIG.format(
                host=HOST,
                port=port,
                server=parts[0].port,
                users=users,
                connections=SERVER_CONNECTIONS,
                certificate=certificate,
            )
        )
        for file in (users, config, certificate):
            give(file, self.identity)
        return Command(
            argv=[str(self._program), str(config)],
            environment=child_environment(),
            log=self.log,
            folder=self.state_dir,
            identity=self.identity,
        )

    async def answers(self) -> bool:
        return self.running and self.log.exists() and b"process up" in self.log.read_bytes()
