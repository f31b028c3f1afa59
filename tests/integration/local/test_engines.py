"""Each engine keeps what it acknowledged over a stop and a kill -9, for root and for an ordinary user."""

import asyncio
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import asyncpg
import pytest
import redis.asyncio
from sqlalchemy.engine import make_url

from segops_common.stores.clickhouse import ClickHouse
from segops_local.engines import ClickHouseEngine, PostgresEngine, ValkeyEngine
from segops_local.errors import LocalError
from segops_local.processes.identity import Identity, named, settle
from segops_local.processes.process import child_setup
from segops_local.state.ports import free_port

STATES = Path(__file__).parent / "states"
User = Literal["whoever runs the tests", "an ordinary user"]
USERS: tuple[User, ...] = ("whoever runs the tests", "an ordinary user")

# Runs in a process of its own, so that it can be another user's.
LIFE = """
import asyncio, sys
from pathlib import Path
from urllib.parse import urlsplit
import base64
import aiokafka, aiokafka.admin, asyncpg, redis.asyncio
from segops_local import engines
from segops_local.processes.probe import http

async def postgres(url, write):
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    if write is not None:
        await connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
        await connection.execute("INSERT INTO kept VALUES ($1)", write)
    rows = [row["n"] for row in await connection.fetch("SELECT n FROM kept ORDER BY n")]
    await connection.close()
    return rows

async def valkey(url, write):
    client = redis.asyncio.from_url(url)
    if write is not None:
        await client.rpush("kept", write)
    rows = [int(row) for row in await client.lrange("kept", 0, -1)]
    await client.aclose()
    return rows

async def clickhouse(url, write):
    address = urlsplit(url)
    credentials = base64.b64encode(f"{address.username}:{address.password}".encode()).decode()
    headers = {"Authorization": f"Basic {credentials}"}
    async def run(sql):
        path = "/?database=segops"
        answer = await http("POST", address.hostname, address.port, path, body=sql.encode(), headers=headers, timeout_s=30)
        assert answer.status == 200, answer.body
        return answer.body.decode()
    if write is not None:
        await run("CREATE TABLE IF NOT EXISTS kept (n Int32) ENGINE = MergeTree ORDER BY n")
        await run(f"INSERT INTO kept VALUES ({write})")
    return [int(row) for row in (await run("SELECT n FROM kept ORDER BY n")).split()]

async def kafka(url, write):
    server = url.removeprefix("kafka://")
    if write is not None:
        admin = aiokafka.admin.AIOKafkaAdminClient(bootstrap_servers=server)
        await admin.start()
        await admin.create_topics([aiokafka.admin.NewTopic("kept", 1, 1)])
        await admin.close()
        producer = aiokafka.AIOKafkaProducer(bootstrap_servers=server, acks="all")
        await producer.start()
        await producer.send_and_wait("kept", str(write).encode())
        await producer.stop()
    consumer = aiokafka.AIOKafkaConsumer("kept", bootstrap_servers=server, auto_offset_reset="earliest")
    await consumer.start()
    end = sum((await consumer.end_offsets(consumer.assignment())).values())
    rows = [int((await consumer.getone()).value) for _ in range(end)]
    await consumer.stop()
    return rows

async def main(name, folder):
    engine = {"postgres": engines.PostgresEngine, "valkey": engines.ValkeyEngine,
              "clickhouse": engines.ClickHouseEngine, "kafka": engines.KafkaEngine}[name](folder)
    use = globals()[name]
    await engine.start()
    port = engine.port
    assert await use(engine.url, 1) == [1]
    await engine.stop()
    assert not engine.running
    await engine.start()
    assert await use(engine.url, 2) == [1, 2]
    engine.kill()
    assert not engine.running
    await engine.start()
    assert await use(engine.url, None) == [1, 2]
    await engine.stop()
    assert engine.port == port
    print("kept")

asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
"""

WHOLE = """
import asyncio, json, os, sys
from pathlib import Path
from segops_local.processes.probe import http
from segops_local.supervisor.local_stack import LocalStack

async def main():
    assert os.geteuid() != 0
    stack = LocalStack(Path(sys.argv[1]), env=json.loads(sys.argv[2]))
    await stack.start()
    answer = await http("GET", "127.0.0.1", int(stack.url.rpartition(":")[2]), "/readyz", timeout_s=10)
    assert answer.status == 200, answer
    await stack.stop()
    print("kept")

asyncio.run(main())
"""


def identity_of(user: User, folder: Path) -> Identity | None:
    """Return None for the user of the tests. As root, return a user who can reach the interpreter, this file and the folder."""
    return (
        named(settle(folder, (Path(sys.executable).resolve().parent, Path(__file__).parent)))
        if user == "an ordinary user"
        else None
    )


def live(user: User, script: str, folder: Path, *arguments: str) -> str:
    identity = identity_of(user, folder)
    if identity is not None:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, identity.uid, identity.gid)
    process = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        preexec_fn=child_setup(identity),
        cwd="/",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )
    return process.stdout


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("name", ["postgres", "valkey", "clickhouse"])
def test_what_was_acknowledged_is_kept(name: str, user: User, tmp_path: Path) -> None:
    assert live(user, LIFE, tmp_path, name, str(tmp_path / "engine")) == "kept\n"


@pytest.mark.kafka
def test_kafka_keeps_what_it_acknowledged(kafka_possible: None, tmp_path: Path) -> None:
    output = live("whoever runs the tests", LIFE, tmp_path, "kafka", str(tmp_path / "engine"))
    assert output.splitlines()[-1] == "kept", output


def test_an_ordinary_user_runs_the_whole_stack(tmp_path: Path, stand_ins: Mapping[str, Mapping[str, str]]) -> None:
    assert live("an ordinary user", WHOLE, tmp_path, str(tmp_path / "state"), json.dumps(stand_ins)) == "kept\n"


async def test_postgres_does_not_run_as_root_and_asks_for_its_password(tmp_path: Path) -> None:
    engine = PostgresEngine(tmp_path / "with space")
    await engine.start()
    try:
        assert os.stat(f"/proc/{engine.pid}").st_uid != 0
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(f"postgresql://segops:wrong@127.0.0.1:{engine.port}/segops")
    finally:
        await engine.stop()


async def test_postgres_gives_each_service_a_role_with_a_private_password(tmp_path: Path) -> None:
    engine = PostgresEngine(tmp_path)
    await engine.start()
    try:
        urls = {"owner": engine.owner_url, **engine.service_urls}
        for name, url in urls.items():
            assert await _role_at(url) == (f"segops_{name}", "off")
        assert len({make_url(url).password for url in (engine.url, *urls.values())}) == 5
        file = tmp_path / "passwords.json"
        assert file.stat().st_mode & 0o777 == 0o600
        await engine.restart()
        assert engine.service_urls == {name: url for name, url in urls.items() if name != "owner"}
        file.unlink()
        await engine.restart()
        assert engine.service_urls["auth"] != urls["auth"]
        assert await _role_at(engine.service_urls["auth"]) == ("segops_auth", "off")
    finally:
        await engine.stop()


async def _role_at(url: str) -> tuple[str, str]:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        role: str = await connection.fetchval("SELECT current_user")
        return role, connection.get_settings().is_superuser
    finally:
        await connection.close()


async def test_postgres_starts_despite_a_pid_file_of_another_process(tmp_path: Path) -> None:
    engine = PostgresEngine(tmp_path)
    await engine.start()
    pid_file = tmp_path / "data" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    engine.kill()
    stranger = await asyncio.create_subprocess_exec("sleep", "60", preexec_fn=child_setup(settle(tmp_path, ())))
    try:
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        await engine.start()
        assert "postmaster.pid" in engine.log.read_text()  # it did refuse at first
        await engine.stop()
    finally:
        stranger.kill()
        await stranger.wait()


async def test_valkey_starts_despite_an_incomplete_command_at_the_end_of_its_log(tmp_path: Path) -> None:
    engine = ValkeyEngine(tmp_path)
    await engine.start()
    client = redis.asyncio.from_url(engine.url)
    await client.set("whole", "yes")
    await client.aclose()
    engine.kill()
    tail = max((tmp_path / "appendonlydir").glob("*.incr.aof"))
    with tail.open("ab") as log:
        log.write(b"*3\r\n$3\r\nSET\r\n$4\r\nhal")
    await engine.start()
    client = redis.asyncio.from_url(engine.url)
    try:
        assert await client.get("whole") == b"yes"
    finally:
        await client.aclose()
        await engine.stop()


async def test_clickhouse_takes_over_a_folder_of_the_former_front(tmp_path: Path) -> None:
    """The folder was left by a kill: rows were acknowledged, and so was the token of their insert."""
    with tarfile.open(STATES / "clickhouse-front-26.9.tar.gz") as archive:
        archive.extractall(tmp_path, filter="tar")
    engine = ClickHouseEngine(tmp_path / "clickhouse")
    await engine.start()
    try:
        warehouse = ClickHouse(url=engine.url)
        lines = [
            b'{"tenant_id":1,"user_id":"a","timestamp":"2026-01-02 03:04:05.678","payload":{"price":5,"tags":["x"]}}',
            b'{"tenant_id":1,"user_id":"b","timestamp":"2026-02-02 03:04:05.678","payload":{"price":1.5}}',
        ]
        await warehouse.insert_json_lines(
            "events",
            b"\n".join(lines) + b"\n",
            settings={
                "insert_deduplication_token": "first",
                "deduplicate_insert": "enable",
                "deduplicate_blocks_in_dependent_materialized_views": 1,
            },
        )
        result = await warehouse.query("SELECT user_id, payload.price, payload.tags FROM events ORDER BY user_id")
        assert [tuple(row) for row in result.rows] == [("a", 5, ["x"]), ("b", 1.5, None)]
        assert (await warehouse.query("SELECT sum(n) FROM seen")).rows == [(2,)]
        await warehouse.close()
    finally:
        await engine.stop()


@pytest.mark.parametrize("kind", [PostgresEngine, ValkeyEngine, ClickHouseEngine])
async def test_a_port_that_is_taken_is_one_clear_line(
    kind: type[PostgresEngine | ValkeyEngine | ClickHouseEngine], tmp_path: Path
) -> None:
    holder = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", free_port())
    port = holder.sockets[0].getsockname()[1]
    engine = kind(tmp_path, port)
    with pytest.raises(LocalError, match=rf"^Port {port} for {engine.title} is already taken: "):
        await engine.start()
    assert not engine.running
    holder.close()
    await holder.wait_closed()


async def test_a_damaged_log_is_one_clear_line_and_no_process(tmp_path: Path) -> None:
    (tmp_path / "appendonlydir").mkdir()
    (tmp_path / "appendonlydir" / "appendonly.aof.manifest").write_text("nonsense\n")
    engine = ValkeyEngine(tmp_path)
    with pytest.raises(LocalError, match=r"^Valkey could not start: .*make reset") as failure:
        await engine.start()
    assert len(str(failure.value).splitlines()) == 1
    assert not engine.running


async def test_a_folder_that_cannot_be_created_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LocalError, match="cannot be created"):
        await ValkeyEngine(tmp_path / "file" / "valkey").start()


@pytest.mark.kafka
async def test_kafka_creates_no_topic_unasked(kafka_bootstrap: str) -> None:
    from aiokafka import AIOKafkaProducer
    from aiokafka.errors import KafkaError

    producer = AIOKafkaProducer(bootstrap_servers=kafka_bootstrap, request_timeout_ms=1_000)
    await producer.start()
    try:
        with pytest.raises(KafkaError):
            await producer.send_and_wait("never-made", b"x")
    finally:
        await producer.stop()
