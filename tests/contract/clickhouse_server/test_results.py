"""Results: streaming, formats, compression, headers, external tables, clients that leave."""

import http.client
import json
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import IOBase

import psutil
import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError
from clickhouse_connect.driver.external import ExternalData

from .conftest import ClickHouseServer, Connect

FAILS_LATE = "SELECT throwIf(number = 3000000, 'too far') FROM numbers(10000000)"


@pytest.mark.parametrize("compress", ["lz4", "zstd", "gzip", "deflate", True, False])
def test_query_compressed(connect: Connect, compress: str | bool) -> None:
    rows = connect(compress=compress).query("SELECT number, toString(number) FROM numbers(200000)").result_rows
    assert len(rows) == 200_000
    assert rows[-1] == (199_999, "199999")


@pytest.mark.parametrize("encoding", ["lz4", "zstd", "gzip", "deflate", "br", ""])
def test_encoding_is_what_was_asked(server: ClickHouseServer, encoding: str) -> None:
    for enabled in ("0", "1"):
        headers = {"Accept-Encoding": encoding}
        request = server.request(headers=headers, query="SELECT 1", enable_http_compression=enabled)
        with urllib.request.urlopen(request) as answer:
            expected = encoding if enabled == "1" and encoding else None
            assert answer.headers["Content-Encoding"] == expected


def test_row_block_stream(client: Client) -> None:
    with client.query_row_block_stream("SELECT number FROM numbers(1000000)") as blocks:
        sizes = [len(block) for block in blocks]
    assert sum(sizes) == 1_000_000
    assert len(sizes) > 1


async def test_async_row_block_stream(async_client: AsyncClient) -> None:
    total = 0
    stream = await async_client.query_row_block_stream("SELECT number FROM numbers(1000000)")
    async with stream:
        async for block in stream:
            total += sum(row[0] for row in block)
    assert total == 499_999_500_000


def test_raw_formats(client: Client) -> None:
    query = "SELECT number AS n FROM numbers(70000)"
    lines = client.raw_query(query, fmt="TabSeparatedWithNames").split()
    assert lines[:2] == [b"n", b"0"]
    assert len(lines) == 70_001
    assert len(client.raw_query(query, fmt="JSONEachRow").splitlines()) == 70_000
    assert json.loads(client.raw_query(query, fmt="JSON"))["rows"] == 70_000
    assert len(client.raw_query(query, fmt="RowBinary")) == 560_000


def test_totals_follow_the_rows(client: Client) -> None:
    query = "SELECT number % 2 AS a, count() FROM numbers(5) GROUP BY a WITH TOTALS ORDER BY a"
    assert client.raw_query(query, fmt="TSV") == b"0\t3\n1\t2\n\n0\t5\n"


def test_empty_results(client: Client) -> None:
    assert client.query("SELECT 1 WHERE 0").result_rows == []
    assert client.query("SELECT 1 AS one LIMIT 0").column_names == ("one",)
    assert client.raw_query("SELECT 1 WHERE 0", fmt="TSV") == b""


def test_statements_that_cannot_stream(client: Client) -> None:
    client.command("CREATE TABLE t (a UInt64) ENGINE = Memory")
    assert client.query("SHOW TABLES").result_rows == [("t",)]
    assert client.query("DESCRIBE t").result_rows[0][:2] == ("a", "UInt64")
    assert client.command("EXISTS t") == 1
    assert client.query("WITH 1 AS x SELECT x UNION ALL SELECT 1").result_rows == [(1,), (1,)]
    assert client.query("(SELECT 1) UNION ALL (SELECT 1)").result_rows == [(1,), (1,)]
    assert client.query("SELECT 1 AS format, 'FORMAT CSV' AS b").result_rows == [(1, "FORMAT CSV")]


def test_large_result_is_streamed(client: Client, server: ClickHouseServer) -> None:
    process = psutil.Process(server.engine.pid)
    before, size, peak = process.memory_info().rss, 0, 0
    stream = client.raw_stream(
        "SELECT repeat('x', 1000) FROM numbers(300000)", fmt="TSV", settings={"max_block_size": 8192}
    )
    assert isinstance(stream, IOBase)
    while part := stream.read(1 << 20):
        size += len(part)
        peak = max(peak, process.memory_info().rss)
    assert size == 300_300_000
    assert peak - before < 150 << 20, "300 MB of result must not be held in memory"


def test_summary(client: Client) -> None:
    client.command("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
    client.command("INSERT INTO t SELECT number FROM numbers(1000)")
    summary = client.query("SELECT count() FROM t WHERE a % 2 = 0").summary
    assert int(summary["read_rows"]) == 1000
    assert int(summary["read_bytes"]) == 8000
    assert int(summary["result_rows"]) == 1
    assert int(summary["elapsed_ns"]) > 0


def test_a_summary_that_waited_for_the_end_counts_every_part(connect: Connect) -> None:
    client = connect(autogenerate_session_id=False)
    client.command("CREATE TABLE parts (a UInt64) ENGINE = MergeTree ORDER BY a")
    client.insert("parts", [(1,), (2,)], column_names=["a"])
    client.insert("parts", [(3,), (4,)], column_names=["a"])

    def rows_read(_: int) -> int:
        return int(client.query("SELECT a FROM parts ORDER BY a").summary["read_rows"])

    with ThreadPoolExecutor(max_workers=8) as pool:
        assert set(pool.map(rows_read, range(600))) == {4}


def test_query_id_and_headers(client: Client, server: ClickHouseServer) -> None:
    assert client.query("SELECT 1", settings={"query_id": "mine-1"}).query_id == "mine-1"
    with urllib.request.urlopen(server.request(query="SELECT 1", default_format="JSON")) as answer:
        assert answer.headers["X-ClickHouse-Format"] == "JSON"
        assert answer.headers["X-ClickHouse-Timezone"]
        assert answer.headers["X-ClickHouse-Server-Display-Name"]
        assert json.loads(answer.read())["data"] == [{"1": 1}]


def test_external_table(client: Client) -> None:
    data = ExternalData(file_name="ext.csv", data=b'1,"x,y"\r\n2,z\n', fmt="CSV", structure="a UInt8, b String")
    assert client.query("SELECT sum(a), min(b) FROM ext", external_data=data).result_rows == [(3, "x,y")]
    with pytest.raises(DatabaseError, match="UNKNOWN_TABLE"):
        client.query("SELECT * FROM ext")


def test_error_in_mid_stream_reaches_the_reader(client: Client) -> None:
    def read_all() -> None:
        with client.query_row_block_stream(FAILS_LATE) as blocks:
            for _ in blocks:
                pass

    with pytest.raises(StreamFailureError, match="too far") as caught:
        read_all()
    assert caught.value.code == 395


async def test_error_in_mid_stream_reaches_the_async_reader(async_client: AsyncClient) -> None:
    async def read_all() -> None:
        async with await async_client.query_row_block_stream(FAILS_LATE) as blocks:
            async for _ in blocks:
                pass

    # The driver reports whichever it meets first: the tagged block, or the broken end of the answer behind it.
    with pytest.raises(StreamFailureError, match=r"too far|Stream failed"):
        await read_all()


def test_error_in_mid_stream_breaks_the_http_answer(server: ClickHouseServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request("POST", "/", FAILS_LATE.encode(), server.headers())
    answer = connection.getresponse()
    assert answer.status == 200
    with pytest.raises(http.client.IncompleteRead) as caught:
        answer.read()
    assert b"Code: 395. DB::Exception: too far" in caught.value.partial[-2000:]
    connection.close()


def test_error_is_a_status_when_the_end_is_awaited(client: Client) -> None:
    with pytest.raises(DatabaseError, match="too far") as caught:
        client.query(FAILS_LATE)
    assert not isinstance(caught.value, StreamFailureError)
    assert caught.value.code == 395


@pytest.mark.parametrize("cancel", ["0", "1"])
def test_stream_ends_with_its_reader(client: Client, server: ClickHouseServer, cancel: str) -> None:
    url = f"/?cancel_http_readonly_queries_on_client_close={cancel}&log_comment=endless{cancel}"
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request("POST", url, b"SELECT number FROM numbers(1000000000000)", server.headers())
    connection.getresponse().read(100_000)
    assert _running(client, f"endless{cancel}")
    connection.close()
    _wait_until_gone(client, f"endless{cancel}")


def test_computation_ends_with_its_reader(client: Client, server: ClickHouseServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request(
        "POST",
        "/?cancel_http_readonly_queries_on_client_close=1&readonly=2&log_comment=silent",
        b"SELECT sum(sipHash64(number)) FROM numbers(1000000000000)",
        server.headers(),
    )
    _wait(lambda: _running(client, "silent"))
    connection.close()
    _wait_until_gone(client, "silent")


def _running(client: Client, comment: str) -> bool:
    query = "SELECT count() FROM system.processes WHERE startsWith(Settings['log_comment'], {comment:String})"
    return bool(client.query(query, parameters={"comment": comment}).result_rows[0][0])


def _wait_until_gone(client: Client, comment: str) -> None:
    _wait(lambda: not _running(client, comment))


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
