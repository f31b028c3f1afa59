"""Migrated engines, a harness in this process, and deliveries in others."""

from __future__ import annotations

import os
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import pytest

from segops_common.contracts.jobs import ComputeJob
from segops_common.stores.clickhouse import ClickHouse
from tests.faults.membership.worker import PATIENT_LEASE_S
from tests.integration.membership.harness import MembershipHarness, migrate_all, opened
from tests.shared.fork_server import ForkedProcess, ForkServer

WORKER = Path(__file__).with_name("worker.py")
ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class Deliveries:
    """Starts processes that work on a job."""

    forks: ForkServer
    addresses: tuple[str, ...]
    superuser_url: str
    started: list[ForkedProcess] = field(default_factory=list)

    async def start(self, job: ComputeJob, point: str, how: str) -> ForkedProcess:
        """Start a process and return it."""
        arguments = (*self.addresses, job.model_dump_json(), point, how)
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        process = await self.forks.start(str(WORKER), *arguments, stdout=PIPE, stderr=PIPE, env=environment)
        self.started.append(process)
        return process

    async def expire_lease(self, tenant_id: int) -> None:
        """End the lease of a dead process, as its time would."""
        connection = await asyncpg.connect(self.superuser_url.replace("+asyncpg", ""))
        try:
            await connection.execute(
                "UPDATE membership.tenant_leases SET expires_at = clock_timestamp() WHERE tenant_id = $1", tenant_id
            )
        finally:
            await connection.close()


@pytest.fixture(scope="session")
def postgres_url(postgres_urls: dict[str, str]) -> str:
    """The database for the role of the service, which sees one tenant at a time."""
    return postgres_urls["membership"]


@pytest.fixture(scope="session")
async def migrated(clickhouse_url: str, owner_url: str) -> None:
    """Create all tables, once."""
    clickhouse = ClickHouse(url=clickhouse_url)
    try:
        await migrate_all(clickhouse, owner_url)
    finally:
        await clickhouse.close()


@pytest.fixture
def event_log_url(redis_url: str) -> str:
    """Return the address of a log that outlives its writers."""
    return redis_url.replace("redis://", "valkey://").removesuffix("/0") + "/7"


@pytest.fixture
async def harness(
    migrated: None, clickhouse_url: str, postgres_url: str, redis_url: str, event_log_url: str
) -> AsyncIterator[MembershipHarness]:
    """The worker that comes next, and the readers; all worker processes share the log."""
    async with opened(
        clickhouse_url=clickhouse_url,
        postgres_url=postgres_url,
        redis_url=redis_url,
        event_log_url=event_log_url,
        lease_s=PATIENT_LEASE_S,
    ) as harness:
        yield harness


@pytest.fixture
async def deliveries(
    forks: ForkServer, clickhouse_url: str, postgres_url: str, redis_url: str, event_log_url: str, superuser_url: str
) -> AsyncIterator[Deliveries]:
    """Processes on the same engines; all of them end with the test, frozen ones too."""
    forks.preload("tests.faults.membership.worker")
    deliveries = Deliveries(forks, (clickhouse_url, postgres_url, redis_url, event_log_url), superuser_url)
    yield deliveries
    for process in deliveries.started:
        if process.returncode is None:
            process.kill()
            await process.wait()
