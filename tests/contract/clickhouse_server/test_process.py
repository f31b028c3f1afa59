"""The process: what it keeps when it is killed, how it ends, and how it refuses to start."""

import contextlib
import random
import shutil
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from segops_local.engines import ClickHouseEngine
from segops_local.errors import LocalError
from segops_local.processes.identity import give

from .conftest import ClickHouseServer, Launch

ROUNDS = 20


def _client(server: ClickHouseServer) -> Client:
    options = server.options() | {"database": "segops"}
    return clickhouse_connect.get_client(**options, query_retries=0, autogenerate_session_id=False)


def _insert_batch(client: Client, batch: int) -> None:
    settings = {"insert_deduplication_token": f"batch-{batch}", "deduplicate_insert": "enable"}
    settings["deduplicate_blocks_in_dependent_materialized_views"] = "1"
    rows = [[batch, number, "x" * 100] for number in range(500)]
    client.insert("batches", rows, column_names=["batch", "number", "filler"], settings=settings)


def _complete_batches(client: Client) -> list[int]:
    """Return the batches that are stored once and whole; a partial or repeated batch fails the test."""
    stored = client.query(
        "SELECT batch, count(), uniqExact(number) FROM batches GROUP BY batch ORDER BY batch"
    ).result_rows
    assert [row[1:] for row in stored] == [(500, 500)] * len(stored)
    return [row[0] for row in stored]


def test_kill_loses_nothing_acknowledged_and_retries_add_nothing(launch: Launch, tmp_path: Path) -> None:
    rng = random.Random(7)
    acknowledged: list[int] = []
    attempted = 0
    with launch(tmp_path) as server:
        client = _client(server)
        client.command(
            "CREATE TABLE batches (batch UInt64, number UInt64, filler String) ENGINE = MergeTree ORDER BY (batch, number)"
            " SETTINGS non_replicated_deduplication_window = 1000"
        )
        client.command(
            "CREATE TABLE totals (batch UInt64, n UInt64) ENGINE = SummingMergeTree ORDER BY batch"
            " SETTINGS non_replicated_deduplication_window = 1000"
        )
        client.command("CREATE MATERIALIZED VIEW v TO totals AS SELECT batch, count() AS n FROM batches GROUP BY batch")
        for _ in range(ROUNDS):
            killer = threading.Timer(rng.uniform(0.02, 0.25), server.kill)
            killer.start()
            with contextlib.suppress(ClickHouseError, OSError):
                while True:
                    attempted = len(acknowledged)
                    _insert_batch(client, attempted)
                    acknowledged.append(attempted)
            killer.join()
            client.close()
            server.start()
            client = _client(server)
            assert set(acknowledged) <= set(_complete_batches(client)), "an acknowledged insert is lost"
            for batch in {attempted, max(attempted - 1, 0)}:
                _insert_batch(client, batch)
            acknowledged = list(range(attempted + 1))
            assert _complete_batches(client) == acknowledged
        assert client.query("SELECT batch, sum(n) FROM totals GROUP BY batch ORDER BY batch").result_rows == [
            (batch, 500) for batch in acknowledged
        ]
        client.close()
    assert len(acknowledged) > ROUNDS, "the test must have written between the kills"


def test_token_whose_part_was_lost_in_a_kill_does_not_swallow_the_retry(launch: Launch, tmp_path: Path) -> None:
    with launch(tmp_path) as server:
        client = _client(server)
        client.command(
            "CREATE TABLE segops.batches (batch UInt64, number UInt64, filler String) ENGINE = MergeTree"
            " ORDER BY (batch, number) SETTINGS non_replicated_deduplication_window = 1000"
        )
        for batch in range(2):
            _insert_batch(client, batch)
        client.close()
        server.kill()
        (lost,) = (tmp_path / "data" / "store").rglob("all_2_2_0")
        shutil.rmtree(lost)
        server.start()
        client = _client(server)
        assert _complete_batches(client) == [0]
        for batch in (0, 1, 1):
            _insert_batch(client, batch)
        assert _complete_batches(client) == [0, 1]
        client.close()


def test_schema_survives_a_kill(launch: Launch, tmp_path: Path) -> None:
    with launch(tmp_path) as server:
        client = _client(server)
        client.command("CREATE DATABASE d")
        client.command("CREATE TABLE d.t (a UInt8) ENGINE = MergeTree ORDER BY a")
        client.command("ALTER TABLE d.t ADD COLUMN b String DEFAULT 'x'")
        client.close()
        server.kill()
        server.start()
        client = _client(server)
        client.insert("d.t", [[1]], column_names=["a"])
        assert client.query("SELECT * FROM d.t").result_rows == [(1, "x")]
        client.close()


def test_passwords_and_port_survive_a_restart(launch: Launch, tmp_path: Path) -> None:
    with launch(tmp_path) as server:
        before = server.engine.url
        server.stop()
    with launch(tmp_path) as server:
        assert server.engine.url == before


def test_term_lets_a_query_end(launch: Launch, tmp_path: Path) -> None:
    with launch(tmp_path) as server:
        client, watching = _client(server), _client(server)
        answers: list[object] = []
        query = "SELECT sum(sleepEachRow(0.1)) + 7 FROM numbers(15) SETTINGS max_block_size = 1"
        thread = threading.Thread(target=lambda: answers.append(client.query(query).result_rows[0][0]))
        thread.start()
        _wait(lambda: _running(watching, "sleepEachRow"))
        assert _stopped(server) == 0
        thread.join()
        client.close()
        watching.close()
        assert answers == [7]


def test_term_stops_what_does_not_end(launch: Launch, tmp_path: Path) -> None:
    with launch(tmp_path) as server:
        client, watching = _client(server), _client(server)
        failures: list[ClickHouseError] = []

        def run() -> None:
            try:
                client.query("SELECT sum(sipHash64(number)) FROM numbers(1000000000000)")
            except ClickHouseError as error:
                failures.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        _wait(lambda: _running(watching, "sipHash64"))
        assert _stopped(server) == 0
        thread.join()
        client.close()
        watching.close()
        assert failures, "a query without an end must not have been answered"


def _stopped(server: ClickHouseServer) -> int | None:
    """Stop the server; return how its process exited."""
    process = server.engine.process
    server.stop()
    return process.exit_code if process is not None else None


def _running(client: Client, words: str) -> bool:
    query = "SELECT count() FROM system.processes WHERE position(query, {words:String}) > 0 AND query_id != queryID()"
    return bool(client.query(query, parameters={"words": words}).result_rows[0][0])


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_bytes_that_are_no_request_do_not_end_the_server(server: ClickHouseServer) -> None:
    rng = random.Random(11)
    signed_in = f"Host: 127.0.0.1:{server.port}\r\nAuthorization: {server.headers()['Authorization']}\r\n"
    requests = (
        b"",
        b"\r\n\r\n",
        b"GARBAGE\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + rng.randbytes(200),
        rng.randbytes(100_000),
        b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
        f"POST / HTTP/1.1\r\n{signed_in}Content-Length: 1000\r\n\r\nINSERT".encode(),
        f"POST / HTTP/1.1\r\n{signed_in}Transfer-Encoding: chunked\r\n\r\nzz\r\n".encode(),
        f"GET /?query=SELECT+number+FROM+system.numbers HTTP/1.1\r\n{signed_in}\r\n".encode(),
    )
    for request in requests * 5:
        with socket.create_connection(("127.0.0.1", server.port)) as connection, contextlib.suppress(OSError):
            connection.sendall(request)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client = _client(server)
    assert client.query("SELECT 1").result_rows == [(1,)]
    client.close()


def test_a_second_server_on_one_folder_is_refused(launch: Launch, tmp_path: Path) -> None:
    with launch(tmp_path):
        second = ClickHouseServer(tmp_path)
        with pytest.raises(LocalError, match="in use by another process") as caught:
            second.start()
        assert "STATE=" in str(caught.value)


def test_damaged_metadata_is_one_clear_line(launch: Launch, tmp_path: Path) -> None:
    with launch(tmp_path) as server:
        client = _client(server)
        client.command("CREATE TABLE segops.t (a UInt8) ENGINE = MergeTree ORDER BY a")
        client.close()
        server.stop()
        (definition,) = (tmp_path / "data" / "store").rglob("t.sql")
        definition.write_text("garbage")
        with pytest.raises(LocalError, match=r"could not start: .*Syntax error.*make reset") as caught:
            server.start()
    assert len(str(caught.value).splitlines()) == 1


def test_a_folder_that_is_a_file_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(LocalError, match=f"could not start: .*{tmp_path}"):
        ClickHouseServer(tmp_path).start()


def test_only_the_loopback_address_is_served(server: ClickHouseServer) -> None:
    listeners = Path("/proc/net/tcp").read_text().splitlines()[1:]
    addresses = {line.split()[1] for line in listeners if line.split()[3] == "0A"}
    assert {address for address in addresses if address.endswith(f":{server.port:04X}")} == {
        f"0100007F:{server.port:04X}"
    }


@pytest.mark.parametrize("name", ["with space", "with <&> marks", "with 'quotes' \"both\""])
def test_a_folder_may_have_any_name(launch: Launch, tmp_path: Path, name: str) -> None:
    with launch(tmp_path / name) as server:
        client = _client(server)
        assert client.query("SELECT count() FROM system.databases WHERE name = 'segops'").result_rows == [(1,)]
        client.close()


def test_secrets_are_closed_to_others(launch: Launch, tmp_path: Path) -> None:
    with launch(tmp_path) as server:
        files = [tmp_path / "passwords.json", tmp_path / "config" / "users.xml", tmp_path / "config" / "config.xml"]
        assert {file.stat().st_mode & 0o077 for file in files} == {0}
        password = server.options()["password"]
        assert all(password not in file.read_text() for file in files[1:])
        assert password.encode() not in Path(f"/proc/{server.engine.pid}/cmdline").read_bytes()


def test_kill_leaves_no_process(tmp_path: Path) -> None:
    engine = ClickHouseEngine(tmp_path)
    server = ClickHouseServer(tmp_path)
    server.engine = engine
    server.start()
    pid = engine.pid
    server.kill()
    assert not Path(f"/proc/{pid}").exists()


def test_links_and_damage_in_the_data_stop_no_start_and_reach_no_other_file(launch: Launch, tmp_path: Path) -> None:
    """The server's own user can leave anything in its folder. As root, the tests run the server as another user."""
    other = tmp_path / "of another user"
    other.write_text("1\tall_1_1_0\ta\nno line end")
    other.chmod(0o600)
    with launch(tmp_path / "clickhouse") as server:
        server.kill()
        for name in ("link", "damage"):
            (tmp_path / f"clickhouse/data/store/abc/{name}/deduplication_logs").mkdir(parents=True)
        logs = "deduplication_logs/deduplication_log_2.txt"
        (tmp_path / "clickhouse/data/store/abc/link" / logs).symlink_to(other)
        (tmp_path / "clickhouse/data/store/abc/damage" / logs).write_bytes(b"\xff\n")
        give(tmp_path / "clickhouse", server.engine.identity)
        server.start()
        assert _client(server).query("SELECT 1").result_rows == [(1,)]
        log = server.engine.log.read_text()
    assert other.read_text() == "1\tall_1_1_0\ta\nno line end"
    assert "abc/link are not repaired" in log
    assert "has damaged lines, which are left out: 1" in log
