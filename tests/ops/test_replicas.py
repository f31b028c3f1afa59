"""Two processes of every role on shards and brokers with TLS and passwords, behind Envoy: first steps, restarts, a lost shard."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Final

import httpx
import pytest

from segops_common.stores.clickhouse import ClickHouse
from segops_local.supervisor.services import ServiceProcess
from tests.e2e import test_published_clients as published_clients
from tests.e2e import test_quickstart as quickstart
from tests.e2e.people import Person, patient_client, sign_up
from tests.ops.replicas.load import Load
from tests.ops.replicas.product import Replicas

pytestmark = pytest.mark.ops

UNAVAILABLE: Final = "https://segops.dev/problems/upstream-unavailable"
EVERYONE: Final = {
    "logic": "AND",
    "conditions": [{"type": "event_count", "event_type": "page_viewed", "operator": "gte", "value": 1}],
}


# What single processes pass, two of each pass too: the published clients, and the quickstarts.
globals().update({name: test for name, test in vars(published_clients).items() if name.startswith("test_")})
stack = published_clients.stack
test_the_quickstart_of_record = quickstart.test_the_quickstart_of_record
test_our_quickstart = quickstart.test_our_quickstart
client = quickstart.client


@pytest.fixture
def url(valkey_stack: Replicas) -> str:
    return valkey_stack.url


@pytest.fixture
def slash() -> bool:
    return True


@pytest.fixture(scope="module")
async def valkey_stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Replicas]:
    """Return the replicated product, also for tests that were written for a single one."""
    folder = tmp_path_factory.mktemp("replicas")
    folder.chmod(0o711)
    product = Replicas(folder)
    try:
        await product.start()
        yield product
    finally:
        await product.stop()


async def test_a_rolling_restart_is_not_noticed(
    valkey_stack: Replicas, record_property: Callable[[str, object], None]
) -> None:
    """Each process of each role is stopped and started under load: nothing fails, is lost or counted twice."""
    async with (
        patient_client(valkey_stack.url) as patient,
        httpx.AsyncClient(base_url=valkey_stack.url, timeout=60) as client,
    ):
        person = await sign_up(patient)
        key = (await person.new_key())["key"]
        segment = await person.new_segment("Everyone", EVERYONE)
        load = Load(client, person, key, segment)
        load.start()
        began = time.monotonic()
        for replicas in valkey_stack.processes.values():
            for process in replicas:
                await process.restart()
                if process.role.is_api:
                    await _sees(valkey_stack, process)
        seconds = time.monotonic() - began
        await load.stop()
        assert load.failures == []
        assert load.runs > 0
        await _all_stored(valkey_stack, person, load.acknowledged)
        assert (await person.compute(segment))["size"] == load.users
        figures = {"requests": load.requests, "events": len(load.acknowledged), "runs": load.runs, "s": round(seconds)}
        figures["requests repeated because an engine was slow"] = load.waited
        for name, value in figures.items():
            record_property(name, value)


async def test_a_shard_is_killed_and_comes_back(valkey_stack: Replicas) -> None:
    """Events are taken meanwhile, what needs the shard says so and is right afterwards, and nothing is lost or stored twice."""
    async with (
        patient_client(valkey_stack.url) as patient,
        httpx.AsyncClient(base_url=valkey_stack.url, timeout=60) as client,
    ):
        person = await sign_up(patient)
        key = (await person.new_key())["key"]
        segment = await person.new_segment("Everyone", EVERYONE)
        load = Load(client, person, key, segment)
        load.start(computes=False)
        await _acknowledges(load, 1000)
        shard = valkey_stack.engines.shards[-1]
        shard.kill(stay_down=True)
        await _acknowledges(load, 2000)
        preview = await client.post("/api/segments/preview/", headers=person.bearer, json={"definition": EVERYONE})
        assert (preview.status_code, preview.json()["type"]) == (503, UNAVAILABLE)
        assert "retry-after" in preview.headers
        queued = await person.ask("POST", f"/api/segments/{segment}/compute/", 202)
        await _acknowledges(load, 1000)
        await shard.start()
        await load.stop()
        assert load.failures == []
        await _all_stored(valkey_stack, person, load.acknowledged)
        path = f"/api/segments/{segment}/runs/{queued['run_id']}/"
        async with asyncio.timeout(300):
            while (run := await person.ask("GET", path, 200))["status"] in ("queued", "running"):
                await asyncio.sleep(0.2)
        assert run["status"] == "succeeded" or run["problem"]
        assert (await person.compute(segment))["size"] == load.users


async def _acknowledges(load: Load, events: int) -> None:
    """Wait until so many events more were answered with 202."""
    goal = len(load.acknowledged) + events
    async with asyncio.timeout(300):
        while len(load.acknowledged) < goal:
            assert load.failures == []
            await asyncio.sleep(0.05)


async def _sees(product: Replicas, process: ServiceProcess) -> None:
    """Wait until the gateway has sent a request to the restarted process and got an answer."""
    address, before = f"127.0.0.1:{process.port}", product.gateway_log()
    async with asyncio.timeout(60):
        while address not in product.gateway_log()[len(before) :]:
            await asyncio.sleep(0.1)


async def _all_stored(product: Replicas, person: Person, acknowledged: list[str]) -> None:
    """Wait until as many events as were acknowledged are stored; they must be these, each once."""
    warehouse = ClickHouse(url=product.clickhouse_url)
    where = "FROM events WHERE tenant_id = {tenant:UInt64}"
    try:
        async with asyncio.timeout(120):
            while True:
                result = await warehouse.query(f"SELECT count() {where}", {"tenant": person.tenant})
                if int(result.rows[0][0]) >= len(acknowledged):
                    break
                await asyncio.sleep(0.2)
        result = await warehouse.query(f"SELECT message_id {where}", {"tenant": person.tenant})
        assert sorted(str(row[0]) for row in result.rows) == sorted(acknowledged)
    finally:
        await warehouse.close()
