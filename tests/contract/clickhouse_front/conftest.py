"""A local ClickHouse as a process, and the real clients on it."""

import socket
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import clickhouse_connect
import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.client import Client

from segops_local.clickhouse.process import ClickHouseProcess

Connect = Callable[..., Client]
Launch = Callable[..., AbstractContextManager[ClickHouseProcess]]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _launched(data: Path, *arguments: str) -> Iterator[ClickHouseProcess]:
    process = ClickHouseProcess(data=data, port=_free_port(), arguments=arguments)
    try:
        process.start()
        yield process
    finally:
        process.kill()


@pytest.fixture(scope="session")
def launch() -> Launch:
    """Starts a process of one's own on a folder; killed at the end of the block."""
    return _launched


@pytest.fixture(scope="session")
def front() -> Iterator[ClickHouseProcess]:
    """The process that most tests share."""
    with tempfile.TemporaryDirectory(prefix="segops-clickhouse-") as folder, _launched(Path(folder)) as process:
        yield process


@pytest.fixture
def database(front: ClickHouseProcess) -> Iterator[str]:
    """A database of the test's own."""
    name = f"t_{uuid.uuid4().hex}"
    client = clickhouse_connect.get_client(host="127.0.0.1", port=front.port)
    client.command(f"CREATE DATABASE {name}")
    yield name
    client.command(f"DROP DATABASE {name} SYNC")
    client.close()


@pytest.fixture
def connect(front: ClickHouseProcess, database: str) -> Iterator[Connect]:
    """Makes further clients on the test's database."""
    made: list[Client] = []

    def make(**options: Any) -> Client:
        settings: dict[str, Any] = {"host": "127.0.0.1", "port": front.port, "database": database} | options
        made.append(clickhouse_connect.get_client(**settings))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(connect: Connect) -> Client:
    """A client with default options."""
    return connect()


@pytest.fixture
async def async_client(front: ClickHouseProcess, database: str) -> AsyncIterator[AsyncClient]:
    """An async client with default options."""
    made = await clickhouse_connect.get_async_client(host="127.0.0.1", port=front.port, database=database)
    yield made
    await made.close()
