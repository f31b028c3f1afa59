"""The roles as processes: migrations, and a sink that starts, works, puts bad events aside, and stops."""

import asyncio
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import orjson
import pytest

from segops_common.contracts.topics import EVENTS
from segops_common.core.clock import SystemClock
from segops_common.core.ids import SystemIds
from segops_common.security.api_keys import new_key
from segops_common.security.permissions import KeyKind
from segops_common.stores.clickhouse import ClickHouse
from segops_common.streams.log import EventLog
from segops_common.streams.loop.dead_letter_topic import CODE_HEADER
from segops_common.streams.open import open_event_log
from segops_ingest.domain.messages import CONFLICTS_HEADER
from tests.shared.fork_server import ForkedProcess, ForkServer

ROW = {
    "tenant_id": 4711,
    "kind": "track",
    "event_type": "e",
    "user_id": "u",
    "anonymous_id": "",
    "timestamp": "2026-05-20 12:00:00.123",
    "received_at": "2026-05-20 12:00:00.123",
    "payload": {"a.b": 1, "a": {"b": 2}, "f": 5.0, "s": "2026-01-01"},
    "context": {},
    "removed": [],
}


def line(message_id: str, **changed: object) -> bytes:
    return orjson.dumps(ROW | {"message_id": message_id} | changed) + b"\n"


async def eventually(holds: Callable[[], Awaitable[bool]], within_s: float = 20) -> bool:
    for _ in range(round(within_s / 0.1)):
        if await holds():
            return True
        await asyncio.sleep(0.1)
    return False


class IngestProcesses:
    """Runs `python -m segops_ingest` with settings of its own."""

    def __init__(self, forks: ForkServer, *, port: int, database: str, **settings: str) -> None:
        self._forks = forks
        self.url = f"http://127.0.0.1:{port}"
        self._environment = {
            "SEGOPS_HTTP_PORT": str(port),
            "SEGOPS_CLICKHOUSE_URL": database,
            "SEGOPS_AUTH_URL": "http://127.0.0.1:1",
            "SEGOPS_SEGMENTS_URL": "http://127.0.0.1:1",
            "SEGOPS_SERVICE_TOKEN": "between-us",
            **settings,
        }

    async def start(self, *arguments: str, **settings: str) -> ForkedProcess:
        return await self._forks.start(
            "-m", "segops_ingest", *arguments, env={**self._environment, **settings}, stdout=PIPE, stderr=STDOUT
        )

    async def run(self, *arguments: str, **settings: str) -> tuple[int | None, str]:
        process = await self.start(*arguments, **settings)
        try:
            output, _ = await asyncio.wait_for(process.communicate(), 20)
        finally:
            if process.returncode is None:
                process.kill()
        return process.returncode, (output or b"").decode()


@pytest.fixture
def event_log_url(redis_url: str) -> str:
    """A log of this module's own."""
    return redis_url.replace("redis://", "valkey://").removesuffix("/0") + "/6"


@pytest.fixture
async def database(clickhouse_url: str) -> str:
    """The address of an empty database."""
    clickhouse = ClickHouse(url=clickhouse_url)
    await clickhouse.command("DROP DATABASE IF EXISTS ingest_processes")
    await clickhouse.command("CREATE DATABASE ingest_processes")
    await clickhouse.close()
    return clickhouse_url.rpartition("/")[0] + "/ingest_processes"


@pytest.fixture
def ingest(forks: ForkServer, free_port: int, database: str, event_log_url: str, redis_url: str) -> IngestProcesses:
    """The service over empty engines."""
    forks.preload("segops_ingest.app")
    return IngestProcesses(
        forks, port=free_port, database=database, SEGOPS_EVENT_LOG_URL=event_log_url, SEGOPS_REDIS_URL=redis_url
    )


@pytest.fixture
async def clickhouse(database: str) -> AsyncIterator[ClickHouse]:
    """A client of the database."""
    client = ClickHouse(url=database)
    yield client
    await client.close()


@pytest.fixture
async def log(event_log_url: str) -> AsyncIterator[EventLog]:
    """A client of the log."""
    client = open_event_log(event_log_url, clock=SystemClock())
    yield client
    await client.close()


@asynccontextmanager
async def ready(ingest: IngestProcesses, role: str) -> AsyncIterator[httpx.AsyncClient]:
    """A process that says it is ready; at the end it stops in good order."""
    process = await ingest.start(role)
    async with httpx.AsyncClient(base_url=ingest.url) as http:

        async def is_ready() -> bool:
            try:
                return (await http.get("/readyz")).status_code == 200
            except httpx.TransportError:
                return False

        try:
            assert await eventually(is_ready)
            yield http
        finally:
            process.terminate()
            output, _ = await process.communicate()
    assert process.returncode == 0, (output or b"").decode()


async def test_migrate_brings_an_empty_warehouse_up_to_date(ingest: IngestProcesses) -> None:
    status, output = await ingest.run("migrate", "--check")
    assert status == 1
    assert "0001_events" in output
    assert (await ingest.run("migrate"))[0] == 0
    assert (await ingest.run("migrate", "--check"))[0] == 0


async def test_crash_points_are_refused_in_production(ingest: IngestProcesses) -> None:
    status, output = await ingest.run("sink", SEGOPS_CRASH_AT="after_intent")
    assert status not in (0, None)
    assert "SEGOPS_ENV=test" in output


async def test_a_setting_that_is_none_is_named(ingest: IngestProcesses) -> None:
    status, output = await ingest.run("sink", SEGOPS_HTTP_PORT="http")
    assert status not in (0, None)
    assert output.startswith("SEGOPS_HTTP_PORT: ")


async def test_the_api_serves_while_auth_is_away(ingest: IngestProcesses) -> None:
    call = {"user_id": "u", "event_type": "e"}
    async with ready(ingest, "api") as http:
        assert (await http.post("/api/ingestion/track/", json=call)).status_code == 401
        ill_formed = await http.post("/api/ingestion/track/", json=call, headers={"Authorization": "ApiKey sk_live_x"})
        assert ill_formed.status_code == 401
        key = new_key(KeyKind.SECRET, SystemIds(SystemClock()))
        unknown = await http.post("/api/ingestion/track/", json=call, headers={"Authorization": f"ApiKey {key}"})
        assert (unknown.status_code, "Retry-After" in unknown.headers) == (503, True)


async def test_the_sink_stores_good_events_and_puts_bad_ones_aside(
    ingest: IngestProcesses, clickhouse: ClickHouse, log: EventLog
) -> None:
    assert (await ingest.run("migrate"))[0] == 0
    bad = line("bad", payload="no object") + b'{"cut\n'
    values = [line("m-1"), line("m-2") + bad + line("m-3"), line("m-4", timestamp="2026-06-01 00:00:00.000")]
    for value in values:
        await log.append(EVENTS, b"k", value, partition=2)
    repeated = line("m-5", payload={"n": 1}), line("m-5", payload={"n": 2})
    await log.append(EVENTS, b"k", repeated[0], partition=2)
    await log.append(EVENTS, b"k", line("m-6") + repeated[1], partition=2, headers=[(CONFLICTS_HEADER, b"1")])

    async def arrived() -> bool:
        return bool((await clickhouse.query("SELECT uniq(message_id) FROM events")).rows[0][0] == 6)

    async def put_aside() -> bool:
        metrics = (await http.get("/metrics")).text
        return 'segops_dead_letters_total{code="117",topic="segops.events"} 1.0' in metrics

    async with ready(ingest, "sink") as http:
        assert await eventually(arrived)
        assert await eventually(put_aside)
    rows = await clickhouse.query(
        "SELECT message_id, source_partition, source_offset, toString(timestamp), payload.`a%2Eb`::Int64,"
        " payload.a.b::Int64, dynamicType(payload.f), dynamicType(payload.s) FROM events WHERE message_id < 'm-5' ORDER BY message_id"
    )
    kept = (1, 2, "Float64", "String")
    noon, june = "2026-05-20 12:00:00.123", "2026-06-01 00:00:00.000"
    assert [tuple(row) for row in rows.rows] == [
        ("m-1", 2, 0, noon, *kept),
        ("m-2", 2, 1, noon, *kept),
        ("m-3", 2, 1, noon, *kept),
        ("m-4", 2, 2, june, *kept),
    ]
    dead = await clickhouse.query(
        "SELECT tenant_id, message_id, source_offset, line FROM dead_letters ORDER BY tenant_id DESC, message_id"
    )
    assert [tuple(row)[:3] for row in dead.rows] == [(4711, "bad", 1), (4711, "m-5", 4), (0, "", 1)]
    assert (orjson.loads(dead.rows[1][3])["payload"], dead.rows[2][3]) == ({"n": 2}, '{"cut')
    first = await clickhouse.query("SELECT payload.n::Int64 FROM events FINAL WHERE message_id = 'm-5'")
    assert [tuple(row) for row in first.rows] == [(1,)]
    (letter,) = await log.tail(EVENTS.dead, 2, 10)
    assert letter.value == values[1]
    assert dict(letter.headers)[CODE_HEADER] == b"117"
