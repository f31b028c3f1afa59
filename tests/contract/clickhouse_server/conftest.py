"""A ClickHouse server as a process, and the real clients on it."""

import asyncio
import base64
import tempfile
import urllib.request
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import clickhouse_connect
import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.client import Client

from segops_local.engines import ClickHouseEngine
from segops_local.engines.access import ClickHouseUser
from segops_local.engines.clickhouse_config import OWNER

Connect = Callable[..., Client]


class ClickHouseServer:
    """The engine of `make run`, for tests without an event loop."""

    def __init__(self, folder: Path) -> None:
        self.engine = ClickHouseEngine(folder)

    def start(self) -> None:
        """Return when it answers; raise LocalError with one line that says why not."""
        asyncio.run(self.engine.start())

    def stop(self) -> None:
        asyncio.run(self.engine.stop())

    def kill(self) -> None:
        self.engine.kill()

    @property
    def port(self) -> int:
        return self.engine.port

    def options(self, user: ClickHouseUser = OWNER) -> dict[str, Any]:
        """Return what clickhouse-connect needs to sign in."""
        address = urlsplit(self.engine.url_for(user))
        return {
            "host": address.hostname,
            "port": address.port,
            "username": address.username,
            "password": address.password,
        }

    def headers(self, user: ClickHouseUser = OWNER) -> dict[str, str]:
        """Return the headers of a request that signs in as the user."""
        options = self.options(user)
        credentials = f"{options['username']}:{options['password']}".encode()
        return {"Authorization": f"Basic {base64.b64encode(credentials).decode()}"}

    def request(
        self,
        user: ClickHouseUser = OWNER,
        /,
        *,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        **parameters: str,
    ) -> urllib.request.Request:
        """Return a request that signs in as the user."""
        url = f"{self.base}/?{urlencode(parameters)}"
        return urllib.request.Request(url, data=data, headers=self.headers(user) | dict(headers or {}))

    @property
    def base(self) -> str:
        """The URL without a path."""
        return f"http://127.0.0.1:{self.port}"


Launch = Callable[[Path], AbstractContextManager[ClickHouseServer]]


@contextmanager
def _launched(folder: Path) -> Iterator[ClickHouseServer]:
    server = ClickHouseServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture(scope="session")
def launch() -> Launch:
    """Start a server of the test's own on a folder; killed at the end of the block."""
    return _launched


@pytest.fixture(scope="session")
def server() -> Iterator[ClickHouseServer]:
    """The server that most tests share."""
    with tempfile.TemporaryDirectory(prefix="segops-clickhouse-") as folder, _launched(Path(folder)) as running:
        yield running


@pytest.fixture
def database(server: ClickHouseServer) -> Iterator[str]:
    """A database of the test's own."""
    name = f"t_{uuid.uuid4().hex}"
    client = clickhouse_connect.get_client(**server.options())
    client.command(f"CREATE DATABASE {name}")
    yield name
    client.command(f"DROP DATABASE {name} SYNC")
    client.close()


@pytest.fixture
def connect(server: ClickHouseServer, database: str) -> Iterator[Connect]:
    """Make further clients on the test's database."""
    clients: list[Client] = []

    def make(user: ClickHouseUser = OWNER, **options: Any) -> Client:
        clients.append(clickhouse_connect.get_client(**(server.options(user) | {"database": database} | options)))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(connect: Connect) -> Client:
    """A client with default options."""
    return connect()


@pytest.fixture
async def async_client(server: ClickHouseServer, database: str) -> AsyncIterator[AsyncClient]:
    """An async client with default options."""
    client = await clickhouse_connect.get_async_client(**server.options(), database=database)
    yield client
    await client.close()
