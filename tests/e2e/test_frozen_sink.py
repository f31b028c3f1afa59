"""The whole product while its sink is frozen: a run says what it lacks, and is repeated without a request."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from segops_common.contracts.topics import MEMBERSHIP_CHANGES
from segops_common.core.clock import SystemClock
from segops_common.streams.open import open_event_log
from segops_local.engines import ValkeyEngine
from segops_local.supervisor.local_stack import LocalStack
from tests.e2e.people import memberships, patient_client, send, sign_up

DEFINITION = {
    "logic": "AND",
    "conditions": [{"type": "event_count", "event_type": "login", "operator": "gte", "value": 1}],
}


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[LocalStack]:
    """A stack of its own: other tests need a sink that works. Its runs wait for a second only."""
    stack = LocalStack(tmp_path / "state", env={"membership.worker": {"SEGOPS_INGEST_WAIT_S": "1"}})
    await stack.start()
    yield stack
    await stack.stop()


async def changes(stack: LocalStack) -> list[bytes]:
    """Return every reported change, in the order of partitions."""
    valkey = stack.engine("valkey")
    assert isinstance(valkey, ValkeyEngine)
    log = open_event_log(valkey.event_log_url, clock=SystemClock())
    tails = [await log.tail(MEMBERSHIP_CHANGES, part, 100) for part in range(MEMBERSHIP_CHANGES.partitions)]
    await log.close()
    return [line for records in tails for record in records for line in record.value.splitlines()]


def membership_of(segment: dict[str, Any]) -> tuple[bool, str | None]:
    return segment["membership"]["stale"], segment["membership"]["stale_reason"]


@pytest.mark.long
async def test_a_run_while_the_sink_is_frozen_is_incomplete_and_repeated(stack: LocalStack) -> None:
    async with patient_client(stack.url) as client:
        person = await sign_up(client)
        key = (await person.new_key())["key"]
        segment = await person.new_segment("logged in", DEFINITION)
        sink = stack.process("ingest.sink")
        assert sink.pid is not None
        os.kill(sink.pid, signal.SIGSTOP)
        await send(client, key, "track", {"user_id": "ada", "event_type": "login"})

        run = await person.compute(segment)
        assert (run["size"], run["incomplete"]) == (0, True)
        assert run["behind"]["positions"] == 1
        assert run["behind"]["seconds"] > 0
        preview = {"tenant": person.tenant, "definition": DEFINITION}
        assert (await person.ask("POST", "/api/segments/preview/", 200, preview))["incomplete"] is True
        path = f"/api/segments/{segment}/"
        assert membership_of(await person.ask("GET", path, 200)) == (True, "run-incomplete")
        assert await changes(stack) == []
        now = await client.get(
            "/api/segments/membership/?user_id=ada&now=true", headers={"Authorization": f"ApiKey {key}"}
        )
        assert (now.json()["segment_ids"], now.json()["stale"]) == ([segment], False)

        os.kill(sink.pid, signal.SIGCONT)
        async with asyncio.timeout(60):
            while membership_of(await person.ask("GET", path, 200)) != (False, None):
                await asyncio.sleep(0.2)
        repeated, first = (await person.ask("GET", f"{path}runs/", 200))["results"]
        assert (repeated["requested_by"], repeated["incomplete"], repeated["size"]) == ("catch-up", False, 1)
        assert first["run_id"] == run["run_id"]
        assert (await memberships(client, key, "ada"))["segment_ids"] == [segment]
        (change,) = await changes(stack)
        assert b'"ada"' in change
        assert b'"entered"' in change
