"""Inserts: framing, size, compression, tokens, and what hangs on them in the schema."""

import http.client
from collections.abc import Generator
from typing import Any

import psutil
import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.compression import get_compressor

from .conftest import ClickHouseServer, Connect

ROWS = [[number, f"it's {number}"] for number in range(5_000)]
TABLE = (
    "CREATE TABLE t (a UInt64, s String) ENGINE = MergeTree ORDER BY a SETTINGS non_replicated_deduplication_window=10"
)


@pytest.mark.parametrize("compress", ["lz4", "zstd", "gzip", False])
def test_native_insert_compressed(connect: Connect, compress: str | bool) -> None:
    client = connect(compress=compress)
    client.command(TABLE)
    summary = client.insert("t", ROWS, column_names=["a", "s"])
    assert summary.written_rows == len(ROWS)
    assert client.query("SELECT count(), sum(a), uniqExact(s) FROM t").result_rows == [(5_000, 12_497_500, 5_000)]


@pytest.mark.parametrize("compression", ["lz4", "zstd", "gzip"])
def test_raw_insert_compressed(client: Client, compression: str) -> None:
    client.command(TABLE)
    compressor: Any = get_compressor(compression)
    blocks = [compressor.compress_block(b'{"a":%d,"s":"x"}\n' % number) for number in range(3)]
    body = b"".join(bytes(block) for block in blocks) + (compressor.flush() or b"")
    client.raw_insert("t", ["a", "s"], body, fmt="JSONEachRow", compression=compression)
    assert client.query("SELECT a FROM t ORDER BY a").result_rows == [(0,), (1,), (2,)]


def test_data_may_hold_any_byte_and_any_sql(client: Client) -> None:
    client.command("CREATE TABLE t (s String) ENGINE = Memory")
    values = [bytes(range(256)), b"'; DROP TABLE t; --\n FORMAT Null", b"VALUES (1)", b'/* ` " $$']
    body = b"".join(bytes([len(value) & 127 | 128, len(value) >> 7]) + value for value in values)
    client.raw_insert("t", ["s"], body, fmt="RowBinary")
    got = client.raw_query("SELECT hex(s) FROM t", fmt="TSV").split()
    assert [bytes.fromhex(line.decode()) for line in got] == values


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO t (a, s) FORMAT JSONEachRow\n",
        "insert into t(a,s) format JSONEachRow ",
        "-- why\nINSERT /* FORMAT CSV */ INTO t SETTINGS max_threads = 1 FORMAT JSONEachRow\r\n",
        'INSERT INTO TABLE "t" (`a`, s) FORMAT JSONEachRow\n',
    ],
)
def test_statement_forms(client: Client, statement: str) -> None:
    client.command(TABLE)
    client.raw_insert("", None, statement + '{"a":1,"s":"FORMAT x VALUES"}\n{"a":2,"s":"y"}')
    assert client.query("SELECT s FROM t ORDER BY a").result_rows == [("FORMAT x VALUES",), ("y",)]


def test_values_and_select(client: Client) -> None:
    client.command(TABLE)
    client.command("INSERT INTO t VALUES (1, 'a;b'), (2, concat('x', 'y'));")
    client.command("INSERT INTO t SELECT number + 3, 'VALUES' FROM numbers(2)")
    assert client.query("SELECT a, s FROM t ORDER BY a").result_rows == [
        (1, "a;b"),
        (2, "xy"),
        (3, "VALUES"),
        (4, "VALUES"),
    ]


def test_defaults_and_materialized_columns(client: Client) -> None:
    client.command(
        "CREATE TABLE t (id String, key UInt64 MATERIALIZED xxHash64(id), n UInt8 DEFAULT 7, at DateTime64(3,'UTC'))"
        " ENGINE = MergeTree ORDER BY id"
    )
    client.raw_insert("t", ["id", "at"], b'{"id":"a","at":"2026-01-02 03:04:05.678"}', fmt="JSONEachRow")
    client.insert("t", [["b"]], column_names=["id"])
    rows = client.query("SELECT id, key = xxHash64(id), n, toUnixTimestamp64Milli(at) FROM t ORDER BY id").result_rows
    assert rows == [("a", True, 7, 1767323045678), ("b", True, 7, 0)]


def _large_rows(pieces: int) -> Generator[bytes, None, None]:
    piece = b'{"a":1,"s":"%s"}\n' % (b"x" * 1000) * 1000
    for _ in range(pieces):
        yield piece


def test_large_body_is_streamed(client: Client, server: ClickHouseServer) -> None:
    client.command("CREATE TABLE t (a UInt64, s String) ENGINE = MergeTree ORDER BY a")
    process = psutil.Process(server.engine.pid)
    # Parallel parsing holds up to 200 MB, whatever the body's size. The server refuses the insert when it holds more.
    limit = 220 << 20
    settings = {
        "min_insert_block_size_bytes": 8 << 20,
        "min_insert_block_size_rows": 0,
        "max_insert_block_size": 8192,
        "max_memory_usage": limit,
    }
    peak = 0

    def watched() -> Generator[bytes, None, None]:
        nonlocal peak
        for piece in _large_rows(300):
            yield piece
            peak = max(peak, process.memory_info().rss)

    client.raw_insert("t", ["a", "s"], _large_rows(100), fmt="JSONEachRow", settings=settings)
    before = process.memory_info().rss
    client.raw_insert("t", ["a", "s"], watched(), fmt="JSONEachRow", settings=settings)
    assert client.command("SELECT count() FROM t") == 400_000
    assert peak - before < limit, "300 MB of body must not be held in memory"


async def test_large_native_insert(async_client: AsyncClient) -> None:
    await async_client.command("CREATE TABLE t (a UInt64, s String) ENGINE = MergeTree ORDER BY a")
    rows = [(number, "x" * 100) for number in range(100_000)]
    await async_client.insert("t", rows, column_names=["a", "s"])
    answer = await async_client.query("SELECT count(), sum(a), sum(length(s)) FROM t")
    assert answer.result_rows == [(100_000, 4_999_950_000, 10_000_000)]


def test_one_insert_is_one_part_however_it_arrives(client: Client) -> None:
    client.command(TABLE)
    body = b"".join(b'{"a":%d,"s":"%s"}\n' % (number, b"x" * 50) for number in range(50_000))
    client.raw_insert("t", ["a", "s"], (body[at : at + 777] for at in range(0, len(body), 777)), fmt="JSONEachRow")
    assert client.command("SELECT count() FROM system.parts WHERE table = 't' AND database = currentDatabase()") == 1


def test_token_makes_a_retry_harmless(client: Client) -> None:
    client.command(TABLE)
    body = b"".join(b'{"a":%d,"s":"x"}\n' % number for number in range(1000))
    for token, pieces in (("one", 1000), ("one", 64), ("two", 1000), ("one", len(body))):
        settings = {"insert_deduplication_token": token, "deduplicate_insert": "enable"}
        parts = (body[at : at + pieces] for at in range(0, len(body), pieces))
        client.raw_insert("t", ["a", "s"], parts, fmt="JSONEachRow", settings=settings)
    assert client.command("SELECT count() FROM t") == 2000


def test_token_survives_native_inserts(client: Client) -> None:
    client.command(TABLE)
    for token in ("one", "one", "two"):
        client.insert("t", ROWS, column_names=["a", "s"], settings={"insert_deduplication_token": token})
    assert client.command("SELECT count() FROM t") == 10_000


def test_materialized_view_fires_and_is_deduplicated(client: Client) -> None:
    client.command(TABLE)
    client.command(
        "CREATE TABLE seen (a UInt64, n SimpleAggregateFunction(sum, UInt64)) ENGINE = AggregatingMergeTree ORDER BY a"
        " SETTINGS non_replicated_deduplication_window=10"
    )
    client.command("CREATE MATERIALIZED VIEW v TO seen AS SELECT a, count() AS n FROM t GROUP BY a")
    settings = {
        "insert_deduplication_token": "one",
        "deduplicate_insert": "enable",
        "deduplicate_blocks_in_dependent_materialized_views": 1,
    }
    for _ in range(2):
        client.insert("t", [[1, "x"], [1, "y"], [2, "z"]], column_names=["a", "s"], settings=settings)
    assert client.query("SELECT a, sum(n) FROM seen GROUP BY a ORDER BY a").result_rows == [(1, 2), (2, 1)]


def test_replacing_merge_tree_final(client: Client) -> None:
    client.command("CREATE TABLE t (a UInt64, s String, v UInt64) ENGINE = ReplacingMergeTree(v) ORDER BY a")
    for version in (1, 3, 2):
        client.insert("t", [[1, f"v{version}", version]], column_names=["a", "s", "v"])
    assert client.query("SELECT s FROM t FINAL").result_rows == [("v3",)]


def test_client_that_leaves_inserts_nothing(client: Client, server: ClickHouseServer, database: str) -> None:
    client.command(TABLE)
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.putrequest("POST", f"/?database={database}")
    connection.putheader("Authorization", server.headers()["Authorization"])
    connection.putheader("Content-Length", "1000000")
    connection.endheaders()
    connection.send(b'INSERT INTO t FORMAT JSONEachRow\n{"a":1,"s":"half"}\n')
    connection.close()
    client.insert("t", [[2, "whole"]], column_names=["a", "s"])
    assert client.query("SELECT s FROM t").result_rows == [("whole",)]


def test_insert_from_input_function(client: Client) -> None:
    client.command("CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a")
    client.raw_insert("", None, b"INSERT INTO t SELECT a + 1 FROM input('a UInt8') FORMAT TSV\n1\n")
    assert client.query("SELECT a FROM t").result_rows == [(2,)]
