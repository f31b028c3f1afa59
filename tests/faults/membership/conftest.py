"""Migrated engines, a harness in this process, and deliveries in others."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from segops_common.contracts.jobs import ComputeJob
from segops_common.stores.clickhouse import ClickHouse
from tests.faults.membership.worker import LEASE_S
from tests.integration.membership.harness import MembershipHarness, migrate_all, opened

WORKER = Path(__file__).with_name("worker.py")
ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class Deliveries:
    """Starts processes that work on a job."""

    addresses: tuple[str, ...]
    started: list[Process] = field(default_factory=list)

    async def start(self, job: ComputeJob, point: str, how: str) -> Process:
        """Start a process and return it."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(WORKER),
            *self.addresses,
            job.model_dump_json(),
            point,
            how,
            stdout=PIPE,
            stderr=PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self.started.append(process)
        return process


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
        lease_s=LEASE_S,
    ) as harness:
        yield harness


@pytest.fixture
async def deliveries(
    clickhouse_url: str, postgres_url: str, redis_url: str, event_log_url: str
) -> AsyncIterator[Deliveries]:
    """Processes on the same engines; all of them end with the test, frozen ones too."""
    deliveries = Deliveries((clickhouse_url, postgres_url, redis_url, event_log_url))
    yield deliveries
    for process in deliveries.started:
        if process.returncode is None:
            process.kill()
            await process.wait()
