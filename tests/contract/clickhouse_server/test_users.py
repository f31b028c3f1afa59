"""Users: what each may do, and no way in for files, addresses, web pages and people without a password."""

import base64
import http.client
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from email.message import Message
from pathlib import Path

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from segops_local.engines.access import ClickHouseUser
from segops_local.engines.clickhouse_config import DATABASE, OWNER, USERS

from .conftest import ClickHouseServer, Connect

LIMITED = tuple(user for user in USERS if user is not OWNER)
(READER,) = (user for user in USERS if user.profile == "reader")
TABLES = tuple(sorted({match for user in USERS for match in re.findall(r"\{database\}\.(\w+)", " ".join(user.grants))}))
STATEMENTS = {
    "SELECT": "SELECT count() FROM {table}",
    "INSERT": "INSERT INTO {table} (a) VALUES (1)",
    "ALTER DELETE": "DELETE FROM {table} WHERE a = 1",
    "ALTER UPDATE": "ALTER TABLE {table} UPDATE c = 2 WHERE a = 1",
    "ALTER": "ALTER TABLE {table} ADD COLUMN b UInt8",
    "TRUNCATE": "TRUNCATE TABLE {table}",
    "DROP": "DROP TABLE {table}",
}
ATTACKS = (
    "SELECT * FROM file('{file}', LineAsString)",
    "SELECT file('{file}')",
    "SELECT * FROM default.`{file}`",
    "INSERT INTO FUNCTION file('{file}.new', LineAsString, 'a String') VALUES ('x')",
    "SELECT 1 INTO OUTFILE '{file}.new'",
    "CREATE TABLE {database}.f (a String) ENGINE = File(CSV)",
    "CREATE DATABASE f ENGINE = Filesystem('/etc')",
    "BACKUP TABLE {database}.events TO File('{file}.new')",
    "SELECT * FROM url('http://127.0.0.1:{port}/ping', LineAsString)",
    "CREATE TABLE {database}.f (a String) ENGINE = URL('http://127.0.0.1:{port}/ping', CSV)",
    "CREATE DICTIONARY {database}.d (a UInt64) PRIMARY KEY a SOURCE(HTTP(url 'http://127.0.0.1:{port}/' format 'CSV'))"
    " LAYOUT(FLAT()) LIFETIME(0)",
    "SELECT * FROM s3('http://127.0.0.1:{port}/bucket/key', CSV, 'a String')",
    "SELECT * FROM deltaLake('http://127.0.0.1:{port}/bucket/')",
    "SELECT * FROM azureBlobStorage('a', 'b', 'c', 'd', 'e')",
    "SELECT * FROM hdfs('hdfs://127.0.0.1:{port}/x', 'CSV', 'a String')",
    "SELECT * FROM remote('127.0.0.1:{port}', system.one)",
    "SELECT * FROM mysql('127.0.0.1:{port}', 'a', 'b', 'c', 'd')",
    "SELECT * FROM postgresql('127.0.0.1:{port}', 'a', 'b', 'c', 'd')",
    "SELECT * FROM mongodb('127.0.0.1:{port}', 'a', 'b', 'c', 'd', 'x String')",
    "SELECT * FROM redis('127.0.0.1:{port}', 'k', 'k String')",
    "SELECT * FROM sqlite('{file}', 't')",
    "SELECT * FROM odbc('a', 'b', 'c')",
    "SELECT * FROM jdbc('a', 'b', 'c')",
    "SELECT * FROM executable('x.sh', CSV, 'a String')",
    "CREATE TABLE {database}.f (a String) ENGINE = Executable('x.sh', CSV)",
    "SELECT * FROM python('x')",
    "SELECT * FROM python('x') SETTINGS allow_python_table_function = 1",
    "CREATE FUNCTION f AS (x) -> x",
    "CREATE USER x",
    "CREATE NAMED COLLECTION x AS a = 1",
    "SELECT addressToLine(1)",
    "SYSTEM SHUTDOWN",
    "SYSTEM STOP LISTEN HTTP",
)


@pytest.fixture(scope="module")
def tables(server: ClickHouseServer) -> Iterator[None]:
    """Make every table that the grants name. The shape does not matter for grants."""
    client = clickhouse_connect.get_client(**server.options())
    for name in TABLES:
        client.command(f"CREATE TABLE {DATABASE}.{name} (a UInt8, c UInt8 DEFAULT 0) ENGINE = MergeTree ORDER BY a")
    yield
    for name in TABLES:
        client.command(f"DROP TABLE {DATABASE}.{name} SYNC")
    client.close()


@pytest.mark.parametrize("user", LIMITED, ids=lambda user: user.name)
def test_a_user_may_do_what_its_grants_say_and_nothing_else(
    connect: Connect, tables: None, user: ClickHouseUser
) -> None:
    client = connect(user, database=DATABASE)
    granted = {
        (privilege.strip(), table)
        for grant in user.grants
        for privileges, table in re.findall(r"(.+) ON \{database\}\.(\w+)", grant)
        for privilege in privileges.split(",")
    }
    allowed = {
        (privilege, table)
        for table in TABLES
        for privilege, statement in STATEMENTS.items()
        if _refusal(client, statement.format(table=table)) is None
    }
    assert allowed == granted


@pytest.mark.parametrize("user", USERS, ids=lambda user: user.name)
def test_nothing_reaches_files_addresses_or_programs(
    server: ClickHouseServer, connect: Connect, tables: None, user: ClickHouseUser, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x" * 40)
    client = connect(user, database=DATABASE)
    values = {"file": str(secret), "database": DATABASE, "port": server.port}
    allowed = [attack for attack in ATTACKS if _refusal(client, attack.format(**values)) is None]
    assert allowed == []
    assert [file.name for file in tmp_path.iterdir()] == ["secret"]


@pytest.mark.parametrize(
    "disk",
    ["web, endpoint = '{url}/'", "s3, endpoint = '{url}/bucket/x/', access_key_id = 'a', secret_access_key = 'b'"],
)
def test_no_table_is_put_on_a_disk_of_its_statement(server: ClickHouseServer, client: Client, disk: str) -> None:
    """The constraint refuses it, before the server connects to anything."""
    setting = f"disk = disk(type = {disk.format(url=server.base)})"
    client.command("CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a")
    for statement in (
        f"CREATE TABLE u (a UInt8) ENGINE = MergeTree ORDER BY a SETTINGS {setting}",
        f"ALTER TABLE t MODIFY SETTING {setting}",
    ):
        assert _refusal(client, statement) == "SETTING_CONSTRAINT_VIOLATION"


@pytest.mark.parametrize("user", LIMITED, ids=lambda user: user.name)
def test_another_database_and_the_server_are_denied(
    connect: Connect, user: ClickHouseUser, client: Client, database: str
) -> None:
    client.command("CREATE TABLE secret (a UInt8) ENGINE = Memory")
    limited = connect(user, database=DATABASE)
    for table in (f"{database}.secret", "system.users", "system.processes"):
        assert _refusal(limited, f"SELECT * FROM {table}") == "ACCESS_DENIED"


def _refusal(client: Client, statement: str) -> str | None:
    try:
        client.command(statement)
    except DatabaseError as error:
        return error.name
    return None


def test_a_reader_has_limits_that_it_cannot_raise(connect: Connect) -> None:
    reader = connect(READER, database=DATABASE)
    for setting, value in (("max_execution_time", 61), ("max_execution_time", 0), ("max_memory_usage", 2**33)):
        assert _refusal(reader, f"SELECT 1 SETTINGS {setting} = {value}") == "SETTING_CONSTRAINT_VIOLATION"
    assert _refusal(reader, "SELECT 1 SETTINGS readonly = 0") == "READONLY"
    assert _refusal(reader, "SELECT 1 SETTINGS max_execution_time = 5, max_memory_usage = 1000000000") is None


async def test_users_with_async_clients(server: ClickHouseServer) -> None:
    for user in USERS:
        client = await clickhouse_connect.get_async_client(**server.options(user))
        assert (await client.query("SELECT 1")).result_rows == [(1,)]
        await client.close()


@pytest.mark.parametrize("name", [*(user.name for user in USERS), "segops_nobody"])
def test_a_wrong_password_is_refused(server: ClickHouseServer, name: str) -> None:
    credentials = base64.b64encode(f"{name}:wrong".encode()).decode()
    headers = {"Authorization": f"Basic {credentials}"}
    assert _answer(server.request(headers=headers, query="SELECT 1"))[:2] == (403, "516")


@pytest.mark.parametrize(
    ("parameters", "headers"),
    [
        ({}, {}),
        ({"user": "default"}, {}),
        ({"user": "default", "password": ""}, {}),
        ({}, {"X-ClickHouse-User": "default"}),
        ({}, {"Authorization": "Basic ZGVmYXVsdDo="}),
        ({}, {"Authorization": "Bearer segops"}),
    ],
)
@pytest.mark.parametrize("data", [None, b"SELECT 1", b"SYSTEM STOP LISTEN HTTP"])
def test_nobody_signs_in_without_a_password(
    server: ClickHouseServer, parameters: dict[str, str], headers: dict[str, str], data: bytes | None
) -> None:
    request = server.request(data=data, headers=headers, query="SELECT 1", **parameters)
    if "Authorization" not in headers:
        request.remove_header("Authorization")
    assert _answer(request)[0] == 403


PAGES: tuple[Mapping[str, str], ...] = (
    {"Origin": "http://evil.example"},
    {"Origin": "null", "Content-Type": "text/plain"},
    {"Origin": "http://127.0.0.1:8080"},
    {"Host": "evil.example"},
    {"Host": "127.0.0.1.evil.example"},
    {"Host": "evil.example:80"},
)


@pytest.mark.parametrize("headers", PAGES, ids=str)
@pytest.mark.parametrize("data", [None, b"SELECT 1"])
def test_a_web_page_is_refused_even_with_the_password(
    server: ClickHouseServer, headers: Mapping[str, str], data: bytes | None
) -> None:
    assert _answer(server.request(data=data, headers=headers, query="SELECT 1"))[0] == 403
    answer = _answer(server.request(OWNER, query="SELECT 1"))
    assert (answer[0], answer[2].get("Access-Control-Allow-Origin")) == (200, None)


def test_a_preflight_is_refused(server: ClickHouseServer) -> None:
    request = server.request(headers={"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"})
    request.method = "OPTIONS"
    status, _, headers = _answer(request)
    assert (status, [name for name in headers if name.lower().startswith("access-control")]) == (403, [])


@pytest.mark.parametrize("path", ["/play", "/dashboard", "/replicas_status", "/?query=SELECT+1"])
def test_other_pages_of_the_server_are_closed(server: ClickHouseServer, path: str) -> None:
    assert _answer(urllib.request.Request(server.base + path))[0] == 403


@pytest.mark.parametrize("user", USERS, ids=lambda user: user.name)
def test_a_get_request_reads_only(server: ClickHouseServer, tables: None, client: Client, user: ClickHouseUser) -> None:
    for table in TABLES:
        status, code, _ = _answer(server.request(user, query=f"INSERT INTO {DATABASE}.{table} SELECT 2"))
        assert (status, code in {"164", "497"}) == (500 if code == "164" else 403, True)
        assert client.query(f"SELECT count() FROM {DATABASE}.{table} WHERE a = 2").result_rows == [(0,)]


def test_a_readers_query_ends_with_its_client(server: ClickHouseServer, client: Client) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    endless = b"SELECT sum(sipHash64(number)) FROM numbers(1000000000000)"
    connection.request("POST", "/?log_comment=left+alone", endless, server.headers(READER))
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


def _answer(request: urllib.request.Request) -> tuple[int, str | None, Message]:
    """Return the status, ClickHouse's error code and the headers."""
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.headers["X-ClickHouse-Exception-Code"], answer.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["X-ClickHouse-Exception-Code"], error.headers
