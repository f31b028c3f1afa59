"""The whole product behind PgBouncer in transaction mode: signing up, segments, runs, lists, exports and look-ups."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from segops_local.engines import PostgresEngine
from segops_local.supervisor.local_stack import LocalStack
from segops_local.supervisor.services import ServiceProcess
from tests.e2e.people import memberships, patient_client, send, sign_up
from tests.ops.pgbouncer import PgBouncer
from tests.ops.programs import needed
from tests.shared.certificates import Authority

pytestmark = pytest.mark.ops
PROCESSES = ("auth.api", "segments.api", "segments.outbox", "segments.results", "membership.api", "membership.worker")


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[LocalStack]:
    """A stack whose processes have been moved behind a pooler with three connections for each role."""
    running, program = LocalStack(tmp_path / "state"), needed("pgbouncer", "pgbouncer")
    await running.start()
    postgres = running.engine("postgres")
    assert isinstance(postgres, PostgresEngine)
    authority = Authority(tmp_path)
    pooler = PgBouncer(tmp_path / "pgbouncer", program, postgres.service_urls, authority)
    try:
        await pooler.start()
        for name in PROCESSES:
            process = running.process(name)
            assert isinstance(process, ServiceProcess)
            process.environment |= {
                "SEGOPS_POSTGRES_URL": pooler.url_for(name.partition(".")[0]),
                "SEGOPS_POSTGRES_POOLER": "transaction",
                "SEGOPS_CA_FILE": str(authority.ca_file),
            }
            await process.restart()
        yield running
        roles = ("segops_auth", "segops_segments", "segops_membership")
        assert [role for role in roles if role not in pooler.log.read_text()] == [], "a role did not use the pooler"
    finally:
        await running.stop()
        await pooler.stop()


async def test_people_work_as_without_a_pooler(stack: LocalStack) -> None:
    async with patient_client(stack.url) as client:
        people = await asyncio.gather(*(sign_up(client) for _ in range(5)))
        for person in people:
            key = (await person.new_key())["key"]
            for user in ("ada", "bob"):
                await send(client, key, "track", {"user_id": user, "event_type": "visit"})
            condition = {"type": "event_count", "event_type": "visit", "operator": "gte", "value": 1}
            segment = await person.new_segment("visitors", {"logic": "AND", "conditions": [condition]})
            runs = await asyncio.gather(*(person.compute(segment) for _ in range(10)))
            assert {run["size"] for run in runs} == {2}
            assert (await memberships(client, key, "ada"))["segment_ids"] == [segment]
            export = await person.ask("POST", f"/api/segments/{segment}/export/", 202, {"format": "csv"})
            async with asyncio.timeout(120):
                path = f"/api/segments/{segment}/export/?export_id={export['export_id']}"
                while (await person.ask("GET", path, 200))["status"] != "complete":
                    await asyncio.sleep(0.1)
            await person.ask("GET", f"/api/auth/tenants/{person.tenant}/audit-log/", 200)
