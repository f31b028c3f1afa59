"""Errors carry ClickHouse's code, name, text and HTTP status, and settings end with their query."""

import urllib.error
import urllib.request
from typing import Any

import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from segops_local.engines.clickhouse_config import DATABASE

from .conftest import ClickHouseServer, Connect

LONG = "SELECT uniqExact(number) FROM numbers(1000000000)"
CASES: list[tuple[str, dict[str, Any], int, str, int]] = [
    ("SELECT * FROM nope", {}, 60, "UNKNOWN_TABLE", 404),
    ("SELECT nope", {}, 47, "UNKNOWN_IDENTIFIER", 404),
    ("SELECT nope(1)", {}, 46, "UNKNOWN_FUNCTION", 404),
    ("SELEC 1", {}, 62, "SYNTAX_ERROR", 400),
    (" -- nothing", {}, 62, "SYNTAX_ERROR", 400),
    ("hello", {}, 62, "SYNTAX_ERROR", 400),
    ("SELECT 1; SELECT 2", {}, 62, "SYNTAX_ERROR", 400),
    ("SELECT 1", {"nosuch": "1"}, 115, "UNKNOWN_SETTING", 404),
    ("SELECT 1 SETTINGS nosuch = 1", {}, 115, "UNKNOWN_SETTING", 404),
    ("SELECT 1", {"a'b": "1"}, 115, "UNKNOWN_SETTING", 404),
    ("SELECT 1", {"database": "nope"}, 81, "UNKNOWN_DATABASE", 404),
    ("SELECT {x:UInt8}", {}, 456, "UNKNOWN_QUERY_PARAMETER", 500),
    ("SELECT {x:UInt8}", {"param_x": "abc"}, 457, "BAD_QUERY_PARAMETER", 500),
    (LONG, {"max_execution_time": "0.3"}, 159, "TIMEOUT_EXCEEDED", 408),
    (LONG, {"max_memory_usage": "10000000"}, 241, "MEMORY_LIMIT_EXCEEDED", 500),
    ("CREATE TABLE x ON CLUSTER c (a Int8) ENGINE = Memory", {}, 701, "CLUSTER_DOESNT_EXIST", 500),
    ("CREATE TABLE x (a Int8) ENGINE = ReplicatedMergeTree('/a', 'b') ORDER BY a", {}, 225, "NO_ZOOKEEPER", 500),
]


@pytest.mark.parametrize(("query", "parameters", "code", "name", "status"), CASES, ids=lambda value: str(value)[:30])
@pytest.mark.parametrize("wait", ["0", "1"])
def test_over_http(
    server: ClickHouseServer, query: str, parameters: dict[str, Any], code: int, name: str, status: int, wait: str
) -> None:
    parameters = {"database": DATABASE, **parameters, "wait_end_of_query": wait}
    request = server.request(data=query.encode(), **parameters)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    with caught.value as answer:
        text = answer.read().decode()
    assert answer.status == status
    assert answer.headers["X-ClickHouse-Exception-Code"] == str(code)
    assert text.startswith(f"Code: {code}. DB::Exception: ")
    assert f"({name}) (version 2" in text


def test_unknown_request_encoding(server: ClickHouseServer) -> None:
    request = server.request(data=b"SELECT 1", headers={"Content-Encoding": "nonsense"})
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    with caught.value as answer:
        assert answer.status == 501


@pytest.mark.parametrize(("encoding", "code"), [("gzip", 354), ("lz4", 618), ("zstd", 561), ("br", 448)])
def test_damaged_body(server: ClickHouseServer, encoding: str, code: int) -> None:
    request = server.request(data=b"SELECT 1", headers={"Content-Encoding": encoding})
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    with caught.value as answer:
        assert answer.headers["X-ClickHouse-Exception-Code"] == str(code)


def test_get_is_read_only(client: Client, server: ClickHouseServer, database: str) -> None:
    client.command("CREATE TABLE t (a Int8) ENGINE = Memory")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(server.request(database=database, query="INSERT INTO t SELECT 1"))
    with caught.value as answer:
        assert answer.headers["X-ClickHouse-Exception-Code"] == "164"


def test_code_and_name_in_the_client(client: Client) -> None:
    with pytest.raises(DatabaseError) as caught:
        client.query("SELECT * FROM nope")
    assert (caught.value.code, caught.value.name) == (60, "UNKNOWN_TABLE")


async def test_code_and_name_in_the_async_client(async_client: AsyncClient) -> None:
    with pytest.raises(DatabaseError) as caught:
        await async_client.query("SELECT * FROM nope")
    assert (caught.value.code, caught.value.name) == (60, "UNKNOWN_TABLE")


@pytest.mark.parametrize(
    ("body", "code"),
    [(b'{"a":1,"payload":"{zzz"}', 117), (b'{"a":"x","payload":{}}', 27), (b'{"a":1,"nope":1}', 117)],
)
def test_bad_rows(client: Client, body: bytes, code: int) -> None:
    client.command("CREATE TABLE t (a UInt8, payload JSON) ENGINE = MergeTree ORDER BY a")
    settings = {"input_format_skip_unknown_fields": 0}
    with pytest.raises(DatabaseError) as caught:
        client.raw_insert("t", ["a", "payload"], b'{"a":9}\n' + body, fmt="JSONEachRow", settings=settings)
    assert caught.value.code == code
    assert client.command("SELECT count() FROM t") == 0


def test_too_many_parts(client: Client) -> None:
    client.command("CREATE TABLE t (a UInt8) ENGINE = MergeTree PARTITION BY a ORDER BY a")
    with pytest.raises(DatabaseError) as caught:
        client.insert("t", [[1], [2]], column_names=["a"], settings={"max_partitions_per_insert_block": 1})
    assert (caught.value.code, caught.value.name) == (252, "TOO_MANY_PARTS")


def test_insert_that_cannot_be_stored_is_not_acknowledged(client: Client) -> None:
    client.command("CREATE TABLE t (a UInt8, CONSTRAINT small CHECK a < 5) ENGINE = MergeTree ORDER BY a")
    client.command("CREATE TABLE sums (a UInt8) ENGINE = MergeTree ORDER BY a")
    client.command("CREATE MATERIALIZED VIEW v TO sums AS SELECT throwIf(a = 3)::UInt8 AS a FROM t")
    for value, name in ((7, "VIOLATED_CONSTRAINT"), (3, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO")):
        with pytest.raises(DatabaseError) as caught:
            client.insert("t", [[1], [value]], column_names=["a"])
        assert caught.value.name == name


def test_insert_into_a_missing_table_reads_a_large_body_first(client: Client) -> None:
    piece = b'{"a":1}\n' * 100_000
    with pytest.raises(DatabaseError) as caught:
        client.raw_insert("nope", ["a"], (piece for _ in range(30)), fmt="JSONEachRow")
    assert caught.value.code == 60


def test_settings_end_with_their_query(connect: Connect) -> None:
    client, other = connect(), connect(settings={"max_threads": 1})
    query = "SELECT getSetting('max_threads')::String, getSetting('max_block_size')"
    default = client.query(query).result_rows
    assert client.query(query, settings={"max_threads": 7, "max_block_size": 99}).result_rows == [("7", 99)]
    with pytest.raises(DatabaseError):
        client.query(LONG, settings={"max_memory_usage": 1_000_000})
    for _ in range(20):
        assert client.query(query).result_rows == default
        assert other.query(query).result_rows == [("1", default[0][1])]
    assert client.command("SELECT currentDatabase() = 'system'") == 0


def test_settings_reach_the_engine_as_they_are(client: Client) -> None:
    text = "it's \\ \n é"
    assert client.query("SELECT getSetting('format_csv_null_representation')", settings={
        "format_csv_null_representation": text
    }).result_rows == [(text,)]  # fmt: skip


def test_health(server: ClickHouseServer) -> None:
    with urllib.request.urlopen(server.base + "/ping") as answer:
        assert answer.read() == b"Ok.\n"
