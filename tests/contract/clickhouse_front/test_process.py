"""The process: what it keeps when it is killed, how it ends, and how it refuses to start."""

import contextlib
import random
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from segops_local.clickhouse.process import ClickHouseProcess

from .conftest import Launch

ROUNDS = 20


def _client(process: ClickHouseProcess) -> Client:
    return clickhouse_connect.get_client(host="127.0.0.1", port=process.port, query_retries=0)


def _insert_batch(client: Client, batch: int) -> None:
    settings = {"insert_deduplication_token": f"batch-{batch}", "deduplicate_insert": "enable"}
    settings["deduplicate_blocks_in_dependent_materialized_views"] = "1"
    rows = [[batch, number, "x" * 100] for number in range(500)]
    client.insert("ledger", rows, column_names=["batch", "number", "filler"], settings=settings)


def _complete_batches(client: Client) -> list[int]:
    """Batches that are there once and as a whole; one that is there in part or twice fails the test."""
    stored = client.query(
        "SELECT batch, count(), uniqExact(number) FROM ledger GROUP BY batch ORDER BY batch"
    ).result_rows
    assert [row[1:] for row in stored] == [(500, 500)] * len(stored)
    return [row[0] for row in stored]


def test_kill_loses_nothing_acknowledged_and_retries_add_nothing(launch: Launch, tmp_path: Path) -> None:
    rng = random.Random(7)
    acknowledged: list[int] = []
    attempted = 0
    with launch(tmp_path / "data") as process:
        client = _client(process)
        client.command(
            "CREATE TABLE ledger (batch UInt64, number UInt64, filler String) ENGINE = MergeTree ORDER BY (batch, number)"
            " SETTINGS non_replicated_deduplication_window = 1000"
        )
        client.command(
            "CREATE TABLE totals (batch UInt64, n UInt64) ENGINE = SummingMergeTree ORDER BY batch"
            " SETTINGS non_replicated_deduplication_window = 1000"
        )
        client.command("CREATE MATERIALIZED VIEW v TO totals AS SELECT batch, count() AS n FROM ledger GROUP BY batch")
        for _ in range(ROUNDS):
            killer = threading.Timer(rng.uniform(0.02, 0.25), process.kill)
            killer.start()
            with contextlib.suppress(ClickHouseError, OSError):
                while True:
                    attempted = len(acknowledged)
                    _insert_batch(client, attempted)
                    acknowledged.append(attempted)
            killer.join()
            client.close()
            process.start()
            client = _client(process)
            assert set(acknowledged) <= set(_complete_batches(client)), "an acknowledged insert is lost"
            for batch in {attempted, max(attempted - 1, 0)}:
                _insert_batch(client, batch)
            acknowledged = list(range(attempted + 1))
            assert _complete_batches(client) == acknowledged
        assert client.query("SELECT batch, sum(n) FROM totals GROUP BY batch ORDER BY batch").result_rows == [
            (batch, 500) for batch in acknowledged
        ]
        client.close()
    assert list((tmp_path / "data" / "inserts").iterdir()) == []
    assert len(acknowledged) > ROUNDS, "the test must have written between the kills"


def test_token_whose_part_was_lost_in_a_kill_does_not_swallow_the_retry(launch: Launch, tmp_path: Path) -> None:
    with launch(tmp_path / "data") as process:
        client = _client(process)
        client.command(
            "CREATE TABLE ledger (batch UInt64, number UInt64, filler String) ENGINE = MergeTree ORDER BY (batch, number)"
            " SETTINGS non_replicated_deduplication_window = 1000"
        )
        for batch in range(2):
            _insert_batch(client, batch)
        client.close()
        process.kill()
        (lost,) = (tmp_path / "data" / "store").rglob("all_2_2_0")
        shutil.rmtree(lost)
        process.start()
        client = _client(process)
        assert _complete_batches(client) == [0]
        for batch in (0, 1, 1):
            _insert_batch(client, batch)
        assert _complete_batches(client) == [0, 1]
        client.close()


def test_schema_survives_a_kill(launch: Launch, tmp_path: Path) -> None:
    with launch(tmp_path / "data") as process:
        client = _client(process)
        client.command("CREATE DATABASE d")
        client.command("CREATE TABLE d.t (a UInt8) ENGINE = MergeTree ORDER BY a")
        client.command("ALTER TABLE d.t ADD COLUMN b String DEFAULT 'x'")
        client.close()
        process.kill()
        process.start()
        client = _client(process)
        client.insert("d.t", [[1]], column_names=["a"])
        assert client.query("SELECT * FROM d.t").result_rows == [(1, "x")]
        client.close()


def test_term_lets_a_query_end(launch: Launch, tmp_path: Path) -> None:
    with launch(tmp_path / "data") as process:
        client = _client(process)
        answers: list[object] = []
        query = "SELECT sum(sleepEachRow(0.1)) + 7 FROM numbers(15) SETTINGS max_block_size = 1"
        thread = threading.Thread(target=lambda: answers.append(client.query(query).result_rows[0][0]))
        thread.start()
        time.sleep(0.5)
        assert process.stop() == 0
        thread.join()
        client.close()
        assert answers == [7]


def test_term_stops_what_does_not_end(launch: Launch, tmp_path: Path) -> None:
    with launch(tmp_path / "data", "--grace", "1") as process:
        client = _client(process)
        failures: list[str] = []

        def run() -> None:
            try:
                client.query("SELECT sum(sipHash64(number)) FROM numbers(1000000000000)")
            except ClickHouseError as error:
                failures.append(str(error))

        thread = threading.Thread(target=run)
        thread.start()
        time.sleep(0.5)
        begun = time.monotonic()
        assert process.stop() == 0
        assert time.monotonic() - begun < 20
        thread.join()
        client.close()
        assert "QUERY_WAS_CANCELLED" in failures[0]


def _refusal(data: Path, port: int, *arguments: str) -> str:
    command = [sys.executable, "-m", "segops_local.clickhouse", "--data", str(data), "--port", str(port), *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode not in {0, -6, -11}
    return ended.stderr


def _only_line(text: str) -> str:
    (line,) = text.splitlines()
    return line


def test_second_process_on_one_folder(launch: Launch, tmp_path: Path) -> None:
    with launch(tmp_path / "data"), socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        line = _only_line(_refusal(tmp_path / "data", port))
    assert "in use by another process" in line
    assert "--data" in line


def test_port_in_use(launch: Launch, tmp_path: Path) -> None:
    with launch(tmp_path / "data") as process:
        line = _only_line(_refusal(tmp_path / "other", process.port))
    assert f"127.0.0.1:{process.port}" in line
    assert "--port" in line
    assert not (tmp_path / "other").exists()


def test_damaged_folder(launch: Launch, tmp_path: Path) -> None:
    with launch(tmp_path / "data") as process:
        client = _client(process)
        client.command("CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a")
        client.close()
        assert process.stop() == 0
        (definition,) = (tmp_path / "data").rglob("t.sql")
        definition.write_text("garbage")
        with pytest.raises(RuntimeError, match="cannot open the data folder") as caught:
            process.start()
    assert "move it away" in _only_line(str(caught.value))


def test_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    assert "cannot open the data folder" in _only_line(_refusal(tmp_path / "data", 1))


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.1", "localhost"])
def test_only_loopback(tmp_path: Path, host: str) -> None:
    assert "--host" in _refusal(tmp_path / "data", 1, "--host", host)
