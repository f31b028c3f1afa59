"""The log of refusals: the newest entries of each tenant, for seven days."""

from __future__ import annotations

import secrets
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from segops_common.core.clock import SystemClock
from segops_common.stores.redis import create_redis
from segops_common.stores.redis_breaker import RedisBreaker
from segops_ingest.adapters.memory.rejections import MemoryRejectionLog
from segops_ingest.adapters.redis.rejections import RedisRejectionLog
from segops_ingest.ports.rejections import (
    KEPT,
    MAX_ENTRIES,
    Rejection,
    RejectionEntry,
    RejectionLog,
    RejectionLogUnavailable,
)

FULL = Rejection(
    route="/api/ingestion/track/batch/",
    status=202,
    reason="event-skipped",
    code="missing",
    path="user_id",
    detail="must be present: ü",
    key_id=2**53 + 1,
    key_prefix="pk_test_",
    key_last_four="0aZ9",
    origin="https://www.example.com",
    user_agent="Mozilla/5.0",
)
NOW = SystemClock().now()


@pytest.fixture(params=["memory", "redis"])
def log(request: pytest.FixtureRequest) -> RejectionLog:
    """The log to test; Redis starts only for tests that use it."""
    if request.param == "memory":
        return MemoryRejectionLog(clock=SystemClock())
    redis: Redis = request.getfixturevalue("redis")
    return RedisRejectionLog(redis=RedisBreaker(redis=redis, clock=SystemClock()), clock=SystemClock())


@pytest.fixture
def tenant() -> int:
    """A tenant without entries."""
    return secrets.randbelow(1 << 60)


def entry(name: str, seconds_ago: float, rejection: Rejection = FULL) -> RejectionEntry:
    return RejectionEntry(name, NOW - timedelta(seconds=seconds_ago), 3, rejection)


async def test_entries_come_back_as_they_were_newest_first(log: RejectionLog, tenant: int) -> None:
    bare = Rejection(route="/", status=401, reason="unauthenticated")
    made = [entry("a", 30), entry("b", 10, bare), entry("d", 20), entry("c", 20)]
    await log.add(tenant, made[:1])
    await log.add(tenant, made[1:])
    assert [*await log.entries(tenant)] == [made[1], made[2], made[3], made[0]]


async def test_each_tenant_has_its_own(log: RejectionLog, tenant: int) -> None:
    await log.add(tenant, [entry("a", 1)])
    assert await log.entries(tenant + 1) == []


async def test_the_newest_thousand_are_kept(log: RejectionLog, tenant: int) -> None:
    made = [entry(f"{number:05}", MAX_ENTRIES + 50 - number) for number in range(MAX_ENTRIES + 50)]
    await log.add(tenant, made[:600])
    await log.add(tenant, made[600:])
    assert [*await log.entries(tenant)] == made[: -MAX_ENTRIES - 1 : -1]


async def test_old_entries_are_gone(log: RejectionLog, tenant: int) -> None:
    old, kept = entry("a", KEPT.total_seconds() + 60), entry("b", KEPT.total_seconds() - 3600)
    await log.add(tenant, [old, kept])
    assert [*await log.entries(tenant)] == [kept]


async def test_a_tenants_log_expires(redis: Redis, tenant: int) -> None:
    log = RedisRejectionLog(redis=RedisBreaker(redis=redis, clock=SystemClock()), clock=SystemClock())
    await log.add(tenant, [entry("a", 1)])
    assert 0 < await redis.ttl(f"segops:ingest:rejections:{tenant}") <= KEPT.total_seconds()


async def test_an_outage_is_reported() -> None:
    redis = create_redis("redis://127.0.0.1:1/0")
    log = RedisRejectionLog(redis=RedisBreaker(redis=redis, clock=SystemClock()), clock=SystemClock())
    with pytest.raises(RejectionLogUnavailable):
        await log.add(7, [entry("a", 1)])
    with pytest.raises(RejectionLogUnavailable):
        await log.entries(7)
    await redis.aclose()
