"""The roles as processes: `migrate`, then `worker`, crashed in the middle of a job and started again."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from segops_common.contracts.jobs import ComputeResult, ComputeResultMessage, SegmentChanged, SucceededResult
from segops_common.contracts.topics import COMPUTE_JOBS, COMPUTE_RESULTS, SEGMENTS, tenant_key
from segops_common.core.clock import SystemClock
from segops_common.streams.log import EventLog
from segops_common.streams.open import open_event_log
from segops_local.engines import ValkeyEngine
from segops_local.state.ports import free_port
from segops_membership.adapters.postgres.segment_definitions import PostgresSegmentDefinitions
from segops_membership.domain.segment_definition import SegmentDefinition
from tests.corpus.builders import count, event, group, job, new_tenant
from tests.integration.membership.harness import MembershipHarness

Environment = dict[str, str]


@pytest.fixture
async def environment(
    harness: MembershipHarness, clickhouse_url: str, owner_url: str, postgres_url: str, redis_url: str, tmp_path: Path
) -> AsyncIterator[Environment]:
    """Settings of a process, with an event log of its own."""
    engine = ValkeyEngine(tmp_path / "log")
    await engine.start()
    yield {
        **os.environ,
        "SEGOPS_ENV": "test",
        "SEGOPS_POSTGRES_URL": postgres_url,
        "SEGOPS_MIGRATE_POSTGRES_URL": owner_url,
        "SEGOPS_REDIS_URL": redis_url,
        "SEGOPS_CLICKHOUSE_URL": clickhouse_url,
        "SEGOPS_EVENT_LOG_URL": engine.url.replace("redis://", "valkey://").removesuffix("/0") + "/1",
        "SEGOPS_AUTH_URL": "http://127.0.0.1:1",
        "SEGOPS_SERVICE_TOKEN": "not-used",
        "SEGOPS_TENANT_LEASE_S": "1",
        "SEGOPS_HTTP_PORT": str(free_port()),
    }
    await engine.stop()


async def _start(environment: Environment, *arguments: str) -> Process:
    command = (sys.executable, "-m", "segops_membership", *arguments)
    return await asyncio.create_subprocess_exec(*command, env=environment, stdout=PIPE, stderr=PIPE)


async def _run(environment: Environment, *arguments: str) -> tuple[int | None, str]:
    process = await _start(environment, *arguments)
    async with asyncio.timeout(60):
        said, errors = await process.communicate()
    return process.returncode, (said + errors).decode()


async def _final(log: EventLog, tenant: int) -> ComputeResult:
    partition = (await log.append(COMPUTE_RESULTS, tenant_key(tenant), b"")).partition
    for _ in range(300):
        for record in await log.tail(COMPUTE_RESULTS, partition, 100):
            result = ComputeResultMessage.model_validate_json(record.value).root if record.value else None
            if result is not None and result.status != "running":
                return result
        await asyncio.sleep(0.1)
    raise TimeoutError("the run has no result")


async def _known(harness: MembershipHarness, tenant: int) -> SegmentDefinition:
    definitions = PostgresSegmentDefinitions(engine=harness.engine)
    for _ in range(300):
        if (definition := await definitions.find(tenant, 42)) is not None:
            return definition
        await asyncio.sleep(0.1)
    raise TimeoutError("the definition did not arrive")


async def test_a_worker_process_finishes_the_job_that_another_died_with(
    harness: MembershipHarness, environment: Environment
) -> None:
    assert (await _run(environment, "migrate"))[0] == 0
    assert (await _run(environment, "migrate", "--check"))[0] == 0
    tenant = new_tenant()
    await harness.insert(tenant, [event("u")])
    log = open_event_log(environment["SEGOPS_EVENT_LOG_URL"], clock=SystemClock())
    await log.append(COMPUTE_JOBS, tenant_key(tenant), b"no job at all\n")
    change = SegmentChanged(
        tenant_id=tenant, segment_id=42, version=1, definition=group(count()), refresh="manual", deleted=False
    )
    await log.append(SEGMENTS, tenant_key(tenant), change.model_dump_json().encode() + b"\n")
    compute_job = job(tenant, 1, {42: group(count())})
    await log.append(COMPUTE_JOBS, tenant_key(tenant), compute_job.model_dump_json().encode() + b"\n")

    status, said = await _run(environment | {"SEGOPS_CRASH_AT": "after_append"}, "worker")
    assert (status, "crash point after_append reached" in said) == (137, True), said
    worker = await _start(environment, "worker")
    result = await _final(log, tenant)
    existing = await _known(harness, tenant)
    worker.terminate()
    await worker.wait()

    assert isinstance(result, SucceededResult)
    assert result.run_id == 1
    assert [(segment.segment_id, segment.entered) for segment in result.segments] == [(42, 1)]
    assert await harness.segments_of(tenant, "u") == (42,)
    assert (existing.version, existing.definition) == (1, group(count()))
    assert worker.returncode == 0
    await log.close()


async def test_crash_points_are_refused_in_production(environment: Environment) -> None:
    status, said = await _run(environment | {"SEGOPS_ENV": "production", "SEGOPS_CRASH_AT": "after_append"}, "worker")

    assert status not in (0, 137)
    assert "SEGOPS_CRASH_AT" in said
