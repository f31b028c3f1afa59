"""The roles as processes: what a crash at a named point leaves, and the way of a run through both workers."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from segops_common.contracts.jobs import ComputeJob, SegmentChanged, SegmentResult, SucceededResult
from segops_common.contracts.topics import COMPUTE_JOBS, COMPUTE_RESULTS, SEGMENTS, Topic, tenant_key
from segops_common.core.clock import SystemClock
from segops_common.streams.log import EventLog, partition_of
from segops_common.streams.open import open_event_log
from segops_language import parse_definition
from segops_segments.adapters.postgres.store import PostgresStore
from segops_segments.domain.run import Run
from segops_segments.domain.segment import NewSegment, Segment
from segops_segments.service.request_runs import RunService
from segops_segments.service.segments.manage import SegmentService
from tests.integration.segments.processes import environment, event_log_url, free_port, run, running
from tests.integration.segments.requests import PRICING

CRASHED = 137
_tenants = itertools.count(70_000)


@pytest.fixture(scope="module")
def env(migrated_url: str, redis_url: str) -> dict[str, str]:
    return environment(migrated_url, redis_url)


@pytest.fixture(scope="module")
async def log(env: dict[str, str], redis_url: str) -> AsyncIterator[EventLog]:
    """The log that the processes use, with its topics made by the role `migrate`."""
    assert await run("migrate", env) == 0
    log = open_event_log(event_log_url(redis_url), clock=SystemClock())
    yield log
    await log.close()


@pytest.fixture
def tenant() -> int:
    return next(_tenants)


async def values(log: EventLog, topic: Topic, tenant: int) -> list[bytes]:
    """What the topic holds about the tenant, in order."""
    records = await log.tail(topic, partition_of(topic, tenant_key(tenant)), 10_000)
    return [record.value for record in records if record.key == tenant_key(tenant)]


async def job_runs(log: EventLog, tenant: int) -> list[int]:
    return [ComputeJob.model_validate_json(value).run_id for value in await values(log, COMPUTE_JOBS, tenant)]


async def new_segment(store: PostgresStore, tenant: int, name: str = "Loyal") -> Segment:
    new = NewSegment(
        tenant_id=tenant,
        name=name,
        segment_type="rule",
        definition=parse_definition(PRICING),
        description="",
        refresh="manual",
    )
    return await SegmentService(store=store, clock=SystemClock()).create(new, by="user:1")


async def request(runs: RunService, segment: Segment) -> Run:
    return await runs.request(segment.tenant_id, segment.id, as_of=None, by="user:1")


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 20) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(("point", "already_stored"), [("before_outbox_append", 0), ("after_outbox_append", 1)])
async def test_a_relay_that_dies_loses_nothing_and_keeps_the_order(
    env: dict[str, str],
    log: EventLog,
    engine: AsyncEngine,
    store: PostgresStore,
    runs: RunService,
    tenant: int,
    point: str,
    already_stored: int,
) -> None:
    async with running("outbox", env):
        await until_drained(engine)
    requested = [(await request(runs, await new_segment(store, tenant, f"{number}"))).id for number in range(5)]
    assert await run("outbox", {**env, "SEGOPS_CRASH_AT": point}) == CRASHED
    assert len(await values(log, SEGMENTS, tenant)) == already_stored
    async with running("outbox", env):
        await until(lambda: all_sent(log, tenant, len(requested)))
    sent = await job_runs(log, tenant)
    assert sorted(set(sent)) == requested
    assert sent == sorted(sent), "a repeated message is repeated before any later one"
    changes = [SegmentChanged.model_validate_json(value) for value in await values(log, SEGMENTS, tenant)]
    assert len(changes) == len(requested) + already_stored


async def all_sent(log: EventLog, tenant: int, number: int) -> bool:
    return len(set(await job_runs(log, tenant))) == number


async def until_drained(engine: AsyncEngine) -> None:
    async def drained() -> bool:
        async with engine.connect() as connection:
            query = sa.text("SELECT count(*) FROM segments.outbox WHERE sent_at IS NULL")
            return bool((await connection.execute(query)).scalar_one() == 0)

    await until(drained)


async def test_a_run_goes_out_and_its_result_comes_back(
    env: dict[str, str], log: EventLog, store: PostgresStore, runs: RunService, tenant: int
) -> None:
    segment = await new_segment(store, tenant)
    run_id = (await request(runs, segment)).id
    async with running("outbox", env), running("results", {**env, "SEGOPS_HTTP_PORT": str(free_port())}):
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
        await until(lambda: has_succeeded(runs, segment, run_id))
        await until(lambda: has_dead_letters(log, tenant, 2))


async def has_succeeded(runs: RunService, segment: Segment, run_id: int) -> bool:
    run = await runs.get(segment.tenant_id, segment.id, run_id)
    return run.state == "succeeded" and run.outcome is not None and run.outcome.size == 3


async def has_dead_letters(log: EventLog, tenant: int, number: int) -> bool:
    return len(await values(log, COMPUTE_RESULTS.dead, tenant)) == number


async def test_crash_points_are_refused_in_production(env: dict[str, str]) -> None:
    production = {**env, "SEGOPS_ENV": "production", "SEGOPS_CRASH_AT": "before_outbox_append"}
    assert await run("outbox", production) == 1


async def test_migrate_says_whether_there_is_something_to_do(env: dict[str, str], migrated_url: str) -> None:
    admin = create_async_engine(migrated_url, isolation_level="AUTOCOMMIT")
    async with admin.connect() as connection:
        await connection.execute(sa.text("CREATE DATABASE segments_fresh"))
    await admin.dispose()
    fresh = {**env, "SEGOPS_POSTGRES_URL": migrated_url.rsplit("/", 1)[0] + "/segments_fresh"}
    assert await run("migrate", fresh, "--check") == 1
    assert await run("migrate", fresh) == 0
    assert await run("migrate", fresh, "--check") == 0
