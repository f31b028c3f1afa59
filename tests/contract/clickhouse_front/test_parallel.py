"""Queries run side by side, up to a limit; further ones wait in order."""

import asyncio
import http.client
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import clickhouse_connect
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.client import Client

from segops_local.clickhouse.process import ClickHouseProcess

from .conftest import Connect, Launch

PATIENCE_S = 30
ENDLESS = "SELECT sum(sipHash64(number)) FROM numbers(1000000000000) SETTINGS max_threads = 1"


def test_quick_query_passes_a_slow_one(front: ClickHouseProcess, connect: Connect) -> None:
    quick = connect()
    with _endless(front, quick, "slow"):
        quick.command("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
        quick.insert("t", [[1]], column_names=["a"])
        assert quick.query("SELECT sum(sipHash64(number)) FROM numbers(1000000)").row_count == 1
        assert _running(quick, "slow") == 1


async def test_one_async_client_runs_queries_side_by_side(async_client: AsyncClient, connect: Connect) -> None:
    watching = connect()
    settings = {"log_comment": "beside"}
    asked = [asyncio.create_task(async_client.query(ENDLESS, settings=settings)) for _ in range(8)]
    await asyncio.to_thread(_wait, lambda: _running(watching, "beside") == len(asked))
    await asyncio.to_thread(watching.command, "KILL QUERY WHERE startsWith(Settings['log_comment'], 'beside') SYNC")
    ended = await asyncio.gather(*asked, return_exceptions=True)
    assert all("QUERY_WAS_CANCELLED" in str(error) for error in ended)


def test_several_processes(front: ClickHouseProcess, client: Client, database: str) -> None:
    client.command("CREATE TABLE t (who UInt8, n UInt64) ENGINE = MergeTree ORDER BY n")
    program = (
        "import sys, clickhouse_connect as c\n"
        "k = c.get_client(host='127.0.0.1', port=int(sys.argv[1]), database=sys.argv[2])\n"
        "for n in range(20): k.insert('t', [[int(sys.argv[3]), n]], column_names=['who', 'n'])\n"
    )
    command = [sys.executable, "-c", program, str(front.port), database]
    workers = [subprocess.Popen([*command, str(number)]) for number in range(3)]
    assert [worker.wait() for worker in workers] == [0, 0, 0]
    assert client.query("SELECT who, count() FROM t GROUP BY who ORDER BY who").result_rows == [
        (0, 20),
        (1, 20),
        (2, 20),
    ]


def test_limit_makes_queries_wait_their_turn(launch: Launch, tmp_path: Path) -> None:
    with launch(tmp_path / "data", "--max-queries", "2") as process:
        client, another = (clickhouse_connect.get_client(host="127.0.0.1", port=process.port) for _ in range(2))
        answers: list[object] = []
        queued = threading.Thread(target=lambda: answers.append(another.query("SELECT 1").row_count))
        with _endless(process, client, "first"):
            with _endless(process, None, "second"):
                # Nothing tells that the second has begun: what could be asked would have to wait for it.
                time.sleep(0.5)
                queued.start()
                time.sleep(0.5)
                assert not answers
            queued.join(timeout=PATIENCE_S)
            assert answers == [1]
            assert _running(client, "first") == 1
        client.close()
        another.close()


@contextmanager
def _endless(front: ClickHouseProcess, watching: Client | None, name: str) -> Iterator[None]:
    """A query that runs until the block ends."""
    connection = http.client.HTTPConnection("127.0.0.1", front.port)
    options = f"/?cancel_http_readonly_queries_on_client_close=1&log_comment={name}"
    connection.request("POST", options, ENDLESS.encode())
    try:
        if watching is not None:
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
