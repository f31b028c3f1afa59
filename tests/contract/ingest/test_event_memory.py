"""The memory of deliveries: whoever comes first decides, for all others."""

from __future__ import annotations

import asyncio
import secrets

import pytest
from redis.asyncio import Redis

from segops_common.core.clock import SystemClock
from segops_common.stores.redis import create_redis
from segops_common.stores.redis_breaker import RedisBreaker
from segops_ingest.adapters.redis.event_memory import RedisEventMemory
from segops_ingest.ports.event_memory import EventMemory, FirstNote, MemoryUnavailable, Note

NOON, LATER = "2026-05-20 12:00:00.123", "2026-05-20 18:00:00.000"


@pytest.fixture
def tenant() -> int:
    """A tenant without notes."""
    return secrets.randbelow(1 << 60)


async def test_the_first_note_of_a_key_stays(event_memory: EventMemory, tenant: int) -> None:
    assert await event_memory.first(tenant, [Note("a", NOON, "x"), Note("b", NOON, "y", required=False)]) == [
        None,
        None,
    ]
    for content in ("x", "z"):
        first = await event_memory.first(tenant, [Note("c", LATER, ""), Note("a", LATER, content)])
        assert first[1] == FirstNote(NOON, "x")
    assert await event_memory.first(tenant, [Note("b", LATER, "z"), Note("c", NOON, "z")]) == [
        FirstNote(NOON, "y"),
        FirstNote(LATER, ""),
    ]
    assert await event_memory.first(tenant, []) == []


async def test_each_tenant_has_its_own_notes(event_memory: EventMemory, tenant: int) -> None:
    await event_memory.first(tenant, [Note("a", NOON, "x")])
    assert await event_memory.first(tenant + 1, [Note("a", LATER, "x")]) == [None]


async def test_of_concurrent_attempts_one_is_the_first(event_memory: EventMemory, tenant: int) -> None:
    attempts = await asyncio.gather(
        *(event_memory.first(tenant, [Note("a", str(number), ""), Note("b", str(number), "")]) for number in range(20))
    )
    winners = [number for number, answer in enumerate(attempts) if list(answer) == [None, None]]
    assert len(winners) == 1
    expected = FirstNote(str(winners[0]), "")
    assert [list(answer) for answer in attempts].count([expected, expected]) == 19


async def test_notes_are_kept_as_long_as_they_say(redis_adapter: EventMemory, redis: Redis, tenant: int) -> None:
    await redis_adapter.first(tenant, [Note("a", NOON, "x"), Note("b", NOON, "y", required=False)])
    left = [await redis.ttl(f"segops:stamp:{tenant}:{key}") for key in ("a", "b")]
    assert 6 * 86_400 < left[0] <= 7 * 86_400
    assert 0 < left[1] <= 86_400


async def test_times_of_earlier_versions_are_used(redis_adapter: EventMemory, redis: Redis, tenant: int) -> None:
    await redis.set(f"segops:stamp:{tenant}:order-1", NOON, ex=600)
    notes = [Note("e:1", LATER, "x", message_id="order-1"), Note("e:2", LATER, "x", message_id="order-2")]
    assert await redis_adapter.first(tenant, notes) == [FirstNote(NOON, ""), None]


async def test_a_memory_that_does_not_answer_says_so() -> None:
    redis = create_redis("redis://127.0.0.1:9/0")
    memory = RedisEventMemory(redis=RedisBreaker(redis=redis, clock=SystemClock()))
    with pytest.raises(MemoryUnavailable):
        await memory.first(1, [Note("a", NOON, "")])
    await redis.aclose()
