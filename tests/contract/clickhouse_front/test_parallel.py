"""Queries run side by side, up to a limit; further ones wait in order."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import clickhouse_connect
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.client import Client

from segops_local.clickhouse.process import ClickHouseProcess

from .conftest import Connect, Launch

SLOW = "SELECT sum(sleepEachRow(0.1)) FROM numbers(10) SETTINGS max_block_size = 1"


def test_quick_query_passes_a_slow_one(connect: Connect) -> None:
    slow, quick = connect(), connect()
    ended: list[str] = []
    thread = threading.Thread(target=_query_and_note, args=[slow, SLOW, ended, "slow"])
    thread.start()
    _wait_until_running(quick, 1)
    quick.command("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a")
    quick.insert("t", [[1]], column_names=["a"])
    assert quick.query("SELECT sum(sipHash64(number)) FROM numbers(1000000)").row_count == 1
    ended.append("quick")
    thread.join()
    assert ended == ["quick", "slow"]


async def test_one_async_client_runs_queries_side_by_side(async_client: AsyncClient) -> None:
    begun = time.monotonic()
    await async_client.query(SLOW)
    alone = time.monotonic() - begun
    begun = time.monotonic()
    await asyncio.gather(*(async_client.query(SLOW) for _ in range(8)))
    assert time.monotonic() - begun < 4 * alone


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
        clients = [clickhouse_connect.get_client(host="127.0.0.1", port=process.port) for _ in range(4)]
        ended: list[str] = []

        def run(client: Client, name: str, query: str) -> threading.Thread:
            thread = threading.Thread(target=_query_and_note, args=[client, query, ended, name])
            thread.start()
            return thread

        threads = [run(clients[0], "long", SLOW.replace("(10)", "(40)"))]
        _wait_until_running(clients[3], 1)
        threads.append(run(clients[1], "short", SLOW))
        time.sleep(0.3)
        threads.append(run(clients[2], "queued", "SELECT 1"))
        for thread in threads:
            thread.join()
        for client in clients:
            client.close()
        assert ended == ["short", "queued", "long"]


def _query_and_note(client: Client, query: str, ended: list[str], name: str) -> None:
    client.query(query)
    ended.append(name)


def _wait_until_running(client: Client, number: int) -> None:
    query = "SELECT count() FROM system.processes WHERE query LIKE '%sleepEachRow(0.1)%' AND query NOT LIKE '%LIKE%'"
    _wait(lambda: int(client.query(query).result_rows[0][0]) >= number)


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
