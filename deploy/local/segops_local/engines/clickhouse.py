"""ClickHouse: its own server, from the library in the `chdb-core` wheel."""

import base64
import fcntl
import importlib.util
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from segops_local.engines import clickhouse_host
from segops_local.engines.access import ClickHouseUser
from segops_local.engines.clickhouse_config import DATABASE, OWNER, USERS, Bucket, Shard, write_config
from segops_local.errors import LocalError
from segops_local.processes.host import child_environment
from segops_local.processes.identity import give
from segops_local.processes.probe import http
from segops_local.processes.process import Command
from segops_local.processes.server import Server
from segops_local.state.ports import HOST
from segops_local.state.secrets import kept_passwords


class ClickHouseEngine(Server):
    """One server with the database `segops`. `url` signs in as the owner of the tables.

    It connects to nothing, except to the storage of `bucket`, the address of a bucket on this machine for exports, and to the
    others of a cluster if it is a `shard`. `passwords` is the folder with the passwords of its users, if not its own: shards
    have the same.
    """

    name = "clickhouse"
    title = "ClickHouse"

    def __init__(
        self,
        state_dir: Path,
        port: int | None = None,
        *,
        bucket: str | None = None,
        shard: Shard | None = None,
        passwords: Path | None = None,
    ) -> None:
        super().__init__(state_dir, port)
        self._shard = shard
        self._password_folder = passwords or self.state_dir
        self._bucket = None if bucket is None else Bucket(bucket)
        self._data = self.state_dir / "data"
        self._config = self.state_dir / "config"

    @property
    def url(self) -> str:
        return self.url_for(OWNER)

    def url_for(self, user: ClickHouseUser) -> str:
        """Return the address with the name and the password of a user."""
        return f"http://{user.name}:{self._passwords()[user.name]}@{self.address(self.port)}/{DATABASE}"

    async def start(self) -> None:
        await super().start()
        credentials = base64.b64encode(f"{OWNER.name}:{self._passwords()[OWNER.name]}".encode()).decode()
        headers = {"Authorization": f"Basic {credentials}"}
        statement = f"CREATE DATABASE IF NOT EXISTS {DATABASE}".encode()
        answer = await http("POST", HOST, self.port, "/", body=statement, headers=headers, timeout_s=30)
        if answer.status != 200:
            reason = answer.body.decode(errors="replace").strip()[:300]
            raise LocalError(f"ClickHouse did not create its database in {self.state_dir}: {reason} (log: {self.log}).")

    def programs(self) -> tuple[Path, ...]:
        return (Path(sys.prefix), Path(sys.executable), _library().parent, Path(clickhouse_host.__file__).parent)

    def prepare(self) -> None:
        self._refuse_a_second_server()
        try:
            self._data.mkdir(mode=0o700)
            give(self._data, self.identity)
        except FileExistsError:
            if not self._data.is_dir():
                raise LocalError(self._refusal(f"{self._data} is not a folder")) from None
        except OSError as error:
            raise LocalError(self._refusal(f"{self._data}: {error.strerror}")) from error

    def command(self, port: int) -> Command:
        write_config(
            self._config,
            data=self._data,
            port=port,
            passwords=self._passwords(),
            bucket=self._bucket,
            shard=self._shard,
        )
        give(self._config, self.identity)
        return Command(
            argv=[
                sys.executable,
                "-I",
                "-S",
                str(clickhouse_host.__file__),
                str(_library()),
                str(self._data),
                f"HTTP={port}" if self._shard is None else f"HTTP={port},TCP={self._shard.port}",
                *map(str, self._reachable()),
            ],
            environment=child_environment(),
            log=self.log,
            folder=self._config,
            identity=self.identity,
        )

    def _reachable(self) -> tuple[int, ...]:
        storage = () if self._bucket is None else (self._bucket.port,)
        return storage if self._shard is None else (*storage, *self._shard.ports)

    async def answers(self) -> bool:
        return (await http("GET", HOST, self.port, "/ping")).status == 200

    def _passwords(self) -> Mapping[str, str]:
        # A folder from before there were users has no configuration yet.
        names = [user.name for user in USERS]
        return kept_passwords(
            self._password_folder / "passwords.json", names, in_use=(self._config / "users.xml").exists()
        )

    def _refuse_a_second_server(self) -> None:
        """Raise LocalError when a server runs on the data: it locks its status file as long as it runs."""
        try:
            descriptor = os.open(self._data / "status", os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:  # there is no server; other errors will also stop ours, which gives the reason
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LocalError(
                f"ClickHouse's data in {self._data} is in use by another process: stop that one, "
                "or choose another folder with STATE=."
            ) from None
        finally:
            os.close(descriptor)


def _library() -> Path:
    """Return the extension's file. Its package is located but not imported."""
    spec = importlib.util.find_spec("chdb")
    if spec is None or spec.origin is None:
        raise LocalError("The package `chdb-core` is not installed: run `make setup`.")
    library = Path(spec.origin).parent / "_chdb.abi3.so"
    if not library.exists():
        raise LocalError(f"ClickHouse's library is missing ({library}): remove the folder .venv and run `make setup`.")
    return library
