"""Queries run side by side, from one client or many."""

import asyncio
import http.client
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from .conftest import ClickHouseServer, Connect

PATIENCE_S = 30
ENDLESS = "SELECT sum(sipHash64(number)) FROM numbers(1000000000000) SETTINGS max_threads = 1"


def test_quick_query_passes_a_slow_one(server: ClickHouseServer, connect: Connect) -> None:
    quick = connect()
    with _endless(server, quick, "slow"):
        quick.command("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
        quick.insert("t", [[1]], column_names=["a"])
        assert quick.query("SELECT sum(sipHash64(number)) FROM numbers(1000000)").row_count == 1
        assert _running(quick, "slow") == 1


async def test_one_async_client_runs_queries_side_by_side(async_client: AsyncClient, connect: Connect) -> None:
    watching = connect()
    settings = {"log_comment": "side by side"}
    queries = [asyncio.create_task(async_client.query(ENDLESS, settings=settings)) for _ in range(8)]
    await asyncio.to_thread(_wait, lambda: _running(watching, "side by side") == len(queries))
    await asyncio.to_thread(
        watching.command, "KILL QUERY WHERE startsWith(Settings['log_comment'], 'side by side') SYNC"
    )
    ended = await asyncio.gather(*queries, return_exceptions=True)
    assert all("QUERY_WAS_CANCELLED" in str(error) for error in ended)


def test_several_processes(server: ClickHouseServer, client: Client, database: str) -> None:
    client.command("CREATE TABLE t (who UInt8, n UInt64) ENGINE = MergeTree ORDER BY n")
    program = (
        "import sys, clickhouse_connect as c\n"
        "k = c.get_client(dsn=sys.argv[1], database=sys.argv[2])\n"
        "for n in range(20): k.insert('t', [[int(sys.argv[3]), n]], column_names=['who', 'n'])\n"
    )
    command = [sys.executable, "-c", program, server.engine.url, database]
    workers = [subprocess.Popen([*command, str(number)]) for number in range(3)]
    assert [worker.wait() for worker in workers] == [0, 0, 0]
    assert client.query("SELECT who, count() FROM t GROUP BY who ORDER BY who").result_rows == [
        (0, 20),
        (1, 20),
        (2, 20),
    ]


def test_a_query_id_that_runs_is_refused(server: ClickHouseServer, connect: Connect) -> None:
    client = connect(autogenerate_session_id=False)
    with _endless(server, client, "only once", query_id="only-once"):
        with pytest.raises(DatabaseError) as caught:
            client.query("SELECT 1", settings={"query_id": "only-once"})
        assert caught.value.name == "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING"
    assert client.query("SELECT 1", settings={"query_id": "never-used"}).query_id == "never-used"


@contextmanager
def _endless(server: ClickHouseServer, watching: Client, name: str, **parameters: str) -> Iterator[None]:
    """A query that runs until the block ends."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    settings = {"cancel_http_readonly_queries_on_client_close": "1", "readonly": "2", "log_comment": name}
    connection.request("POST", f"/?{urlencode(settings | parameters)}", ENDLESS.encode(), server.headers())
    try:
        _wait(lambda: _running(watching, name) == 1)
        yield
    finally:
        connection.close()


def _running(client: Client, name: str) -> int:
    query = "SELECT count() FROM system.processes WHERE startsWith(Settings['log_comment'], {name:String})"
    return int(client.query(query, parameters={"name": name}).result_rows[0][0])


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
