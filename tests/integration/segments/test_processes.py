"""The roles as processes: crashes at named points, and a run from its request to its result."""

import asyncio
import itertools
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from segops_common.contracts.jobs import ComputeJob, SegmentChanged, SegmentResult, SucceededResult
from segops_common.contracts.topics import COMPUTE_JOBS, COMPUTE_RESULTS, SEGMENTS, Topic, tenant_key
from segops_common.core.clock import SystemClock
from segops_common.streams.log import EventLog, partition_of
from segops_common.streams.open import open_event_log
from segops_language import parse_definition
from segops_segments.adapters.postgres.outbox import PostgresOutbox
from segops_segments.domain.run import RunPart
from segops_segments.domain.segment import NewSegment, Segment
from segops_segments.service.use_cases import UseCases
from tests.integration.segments.processes import Processes, event_log_url, processes_on
from tests.integration.segments.requests import PRICING
from tests.shared.fork_server import ForkServer
from tests.unit.segments.store_builders import drain

CRASHED = 137
_tenants = itertools.count(70_000)


@pytest.fixture(scope="module")
def processes(forks: ForkServer, owner_url: str, migrated_url: str, redis_url: str) -> Processes:
    return processes_on(forks, owner_url, migrated_url, redis_url)


@pytest.fixture(scope="module")
async def log(processes: Processes, redis_url: str) -> AsyncIterator[EventLog]:
    """The event log of the processes, with topics made by the role `migrate`."""
    assert await processes.run("migrate") == 0
    log = open_event_log(event_log_url(redis_url), clock=SystemClock())
    yield log
    await log.close()


@pytest.fixture
def tenant() -> int:
    return next(_tenants)


async def values(log: EventLog, topic: Topic, tenant: int) -> list[bytes]:
    """Return the values of the tenant's records, in order."""
    records = await log.tail(topic, partition_of(topic, tenant_key(tenant)), 10_000)
    return [record.value for record in records if record.key == tenant_key(tenant)]


async def job_runs(log: EventLog, tenant: int) -> list[int]:
    return [ComputeJob.model_validate_json(value).run_id for value in await values(log, COMPUTE_JOBS, tenant)]


async def create(use_cases: UseCases, tenant: int, name: str = "Loyal") -> Segment:
    new = NewSegment(
        tenant_id=tenant,
        name=name,
        segment_type="rule",
        definition=parse_definition(PRICING),
        description="",
        refresh="manual",
    )
    return await use_cases.segments.create(new, by="user:1")


async def request(use_cases: UseCases, segment: Segment) -> RunPart:
    return await use_cases.run_requests.request_one(segment.tenant_id, segment.id, as_of=None, by="user:1")


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(60):
        while not await condition():
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(("point", "already_stored"), [("before_outbox_append", 0), ("after_outbox_append", 1)])
async def test_a_relay_that_dies_loses_nothing_and_keeps_the_order(
    processes: Processes,
    log: EventLog,
    engine: AsyncEngine,
    use_cases: UseCases,
    tenant: int,
    point: str,
    already_stored: int,
) -> None:
    # Messages of other tests would reach the crash point first.
    await drain(PostgresOutbox(engine=engine))
    requested = [(await request(use_cases, await create(use_cases, tenant, f"{number}"))).run_id for number in range(5)]
    assert await processes.with_variables(SEGOPS_CRASH_AT=point).run("outbox") == CRASHED
    assert len(await values(log, SEGMENTS, tenant)) == already_stored
    async with processes.running("outbox"):
        await until(lambda: all_sent(log, tenant, len(requested)))
    sent = await job_runs(log, tenant)
    assert sorted(set(sent)) == requested
    assert sent == sorted(sent), "a repeated message must come before any later one"
    changes = [SegmentChanged.model_validate_json(value) for value in await values(log, SEGMENTS, tenant)]
    assert len(changes) == len(requested) + already_stored


async def all_sent(log: EventLog, tenant: int, number: int) -> bool:
    return len(set(await job_runs(log, tenant))) == number


async def test_a_job_is_sent_and_its_result_applied(
    processes: Processes, log: EventLog, use_cases: UseCases, tenant: int
) -> None:
    segment = await create(use_cases, tenant)
    run_id = (await request(use_cases, segment)).run_id
    async with processes.running("outbox"), processes.running("results"):
        await until(lambda: all_sent(log, tenant, 1))
        result = SucceededResult(
            run_id=run_id,
            tenant_id=tenant,
            at=datetime.now(UTC),
            segments=(SegmentResult(segment_id=segment.id, version=1, size=3, entered=3, exited=0),),
            duration_ms=5,
        )
        for value in (b"{not a result", result.model_dump_json().encode() + b"\n", b'{"run_id": "x"}\n'):
            await log.append(COMPUTE_RESULTS, tenant_key(tenant), value)
        await until(lambda: has_succeeded(use_cases, segment, run_id))
        await until(lambda: has_dead_letters(log, tenant, 2))


async def has_succeeded(use_cases: UseCases, segment: Segment, run_id: int) -> bool:
    run = await use_cases.runs.get(segment.tenant_id, segment.id, run_id)
    return run.state == "succeeded" and run.outcome is not None and run.outcome.size == 3


async def has_dead_letters(log: EventLog, tenant: int, number: int) -> bool:
    return len(await values(log, COMPUTE_RESULTS.dead, tenant)) == number


async def test_crash_points_are_refused_in_production(processes: Processes) -> None:
    production = processes.with_variables(SEGOPS_ENV="production", SEGOPS_CRASH_AT="before_outbox_append")
    assert await production.run("outbox") == 2


async def test_migrate_reports_whether_migrations_are_pending(
    processes: Processes, superuser_url: str, owner_url: str
) -> None:
    database = f"segments_{secrets.token_hex(4)}"
    admin = create_async_engine(superuser_url, isolation_level="AUTOCOMMIT")
    async with admin.connect() as connection:
        await connection.execute(sa.text(f"CREATE DATABASE {database} OWNER segops_owner"))
    await admin.dispose()
    url = make_url(owner_url).set(database=database).render_as_string(hide_password=False)
    on_empty_database = processes.with_variables(SEGOPS_MIGRATE_POSTGRES_URL=url)
    assert await on_empty_database.run("migrate", "--check") == 1
    assert await on_empty_database.run("migrate") == 0
    assert await on_empty_database.run("migrate", "--check") == 0
