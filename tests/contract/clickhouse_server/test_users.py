"""Users: one writer and one reader with grants, wrong passwords, and no way in without one."""

import http.client
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from segops_local.engines.clickhouse_config import DATABASE, OWNER, READER, USERS, WRITER, ClickHouseUser

from .conftest import ClickHouseServer, Connect

LIMITED = (WRITER, READER)


@pytest.fixture
def table(client: Client) -> Iterator[str]:
    """A table that the grants cover, with one row."""
    name = f"{DATABASE}.t_{uuid.uuid4().hex}"
    client.command(f"CREATE TABLE {name} (a UInt8) ENGINE = MergeTree ORDER BY a")
    client.command(f"INSERT INTO {name} VALUES (1)")
    yield name
    client.command(f"DROP TABLE {name} SYNC")


def _refusal(client: Client, statement: str) -> str | None:
    with pytest.raises(DatabaseError) as caught:
        client.command(statement)
    return caught.value.name


def test_a_writer_writes_and_a_reader_reads(connect: Connect, table: str) -> None:
    writer, reader = connect(WRITER, database=DATABASE), connect(READER, database=DATABASE)
    writer.insert(table, [[2]], column_names=["a"])
    assert reader.query(f"SELECT a FROM {table} ORDER BY a").result_rows == [(1,), (2,)]


async def test_a_writer_and_a_reader_with_async_clients(server: ClickHouseServer, table: str) -> None:
    writer = await clickhouse_connect.get_async_client(**server.options(WRITER))
    reader = await clickhouse_connect.get_async_client(**server.options(READER))
    await writer.insert(table, [[2]], column_names=["a"])
    assert (await reader.query(f"SELECT a FROM {table} ORDER BY a")).result_rows == [(1,), (2,)]
    await writer.close()
    await reader.close()


@pytest.mark.parametrize(
    "statement", ["INSERT INTO {table} VALUES (3)", "DROP TABLE {table}", "TRUNCATE TABLE {table}"]
)
def test_a_reader_changes_nothing(connect: Connect, table: str, statement: str) -> None:
    reader = connect(READER, database=DATABASE)
    assert _refusal(reader, statement.format(table=table)) in {"ACCESS_DENIED", "READONLY"}
    assert reader.query(f"SELECT a FROM {table}").result_rows == [(1,)]


@pytest.mark.parametrize(
    "statement",
    ["DROP TABLE {table}", "TRUNCATE TABLE {table}", "ALTER TABLE {table} ADD COLUMN b UInt8", "CREATE DATABASE other"],
)
def test_a_writer_changes_no_schema(connect: Connect, table: str, statement: str) -> None:
    assert _refusal(connect(WRITER, database=DATABASE), statement.format(table=table)) == "ACCESS_DENIED"


@pytest.mark.parametrize("user", LIMITED, ids=lambda user: user.name)
@pytest.mark.parametrize(
    "source",
    ["file('/etc/passwd', LineAsString)", "url('http://127.0.0.1:9/', LineAsString)", "default.`/etc/passwd`"],
)
def test_files_and_addresses_are_denied(connect: Connect, user: ClickHouseUser, source: str) -> None:
    assert _refusal(connect(user, database=DATABASE), f"SELECT * FROM {source}") == "ACCESS_DENIED"


@pytest.mark.parametrize("user", LIMITED, ids=lambda user: user.name)
def test_another_database_is_denied(connect: Connect, user: ClickHouseUser, client: Client, database: str) -> None:
    client.command("CREATE TABLE secret (a UInt8) ENGINE = Memory")
    assert _refusal(connect(user, database=DATABASE), f"SELECT * FROM {database}.secret") == "ACCESS_DENIED"


@pytest.mark.parametrize("name", [*(user.name for user in USERS), "nobody"])
def test_a_wrong_password_is_refused(server: ClickHouseServer, name: str) -> None:
    assert _status(f"{server.base}/?user={name}&password=wrong&query=SELECT+1") == (403, "516")


@pytest.mark.parametrize("credentials", ["", "user=default", "user=default&password="])
@pytest.mark.parametrize("body", [b"SELECT 1", b"SYSTEM STOP LISTEN HTTP"])
def test_nobody_signs_in_without_a_password(server: ClickHouseServer, credentials: str, body: bytes) -> None:
    """The session that keeps the server up is the only one that its user may have."""
    status, code = _status(f"{server.base}/?{credentials}", body)
    assert (status, code) == (500, "700")
    assert _status(server.address(query="SELECT 1"))[0] == 200


@pytest.mark.parametrize("user", [OWNER, WRITER], ids=lambda user: user.name)
def test_a_get_request_reads_only(server: ClickHouseServer, table: str, user: ClickHouseUser) -> None:
    assert _status(server.address(user, query=f"INSERT INTO {table} SELECT 2")) == (500, "164")


def test_a_readers_query_ends_with_its_client(server: ClickHouseServer, client: Client) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    endless = b"SELECT sum(sipHash64(number)) FROM numbers(1000000000000)"
    connection.request("POST", server.path(READER, log_comment="left alone"), endless)
    _wait(lambda: _running(client) == 1)
    connection.close()
    _wait(lambda: _running(client) == 0)


def _running(client: Client) -> int:
    query = "SELECT count() FROM system.processes WHERE Settings['log_comment'] = 'left alone'"
    return int(client.query(query).result_rows[0][0])


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _status(url: str, body: bytes | None = None) -> tuple[int, str | None]:
    try:
        with urllib.request.urlopen(url, data=body) as answer:
            return answer.status, answer.headers["X-ClickHouse-Exception-Code"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["X-ClickHouse-Exception-Code"]
