"""Known addresses, in Redis and in memory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from redis.asyncio import Redis

from segops_auth.adapters.memory.known_addresses import MAX_EMAILS, MemoryKnownAddresses
from segops_auth.adapters.redis.known_addresses import RedisKnownAddresses, redis_key
from segops_auth.ports.known_addresses import MAX_ADDRESSES, REMEMBERED_FOR, KnownAddresses
from segops_common.stores.redis import create_redis
from segops_common.stores.redis_breaker import RedisBreaker
from segops_testkit.clock import ManualClock
from tests.contract.auth.rows import unique

HOME, OFFICE = "198.51.100.7", "2001:db8:1:2::/64"
# Port 1 is reserved, so nothing listens there.
NO_REDIS = "redis://127.0.0.1:1/0"


@dataclass(frozen=True, slots=True)
class KnownHarness:
    addresses: KnownAddresses
    clock: ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 1, 31, tzinfo=UTC))


@pytest.fixture
def memory_known(clock: ManualClock) -> KnownAddresses:
    return MemoryKnownAddresses(clock=clock)


@pytest.fixture
def redis_known(clock: ManualClock, redis: Redis) -> KnownAddresses:
    return RedisKnownAddresses(redis=RedisBreaker(redis=redis, clock=clock), clock=clock)


@pytest.fixture
def no_redis_known(clock: ManualClock) -> KnownAddresses:
    return RedisKnownAddresses(redis=RedisBreaker(redis=create_redis(NO_REDIS), clock=clock), clock=clock)


@pytest.fixture(params=["memory", "redis", "no_redis"])
def harness(request: pytest.FixtureRequest, clock: ManualClock) -> KnownHarness:
    return KnownHarness(request.getfixturevalue(f"{request.param}_known"), clock)


async def test_an_address_is_known_to_its_account_only(harness: KnownHarness) -> None:
    ada, grace = unique("ada"), unique("grace")
    assert not await harness.addresses.knows(ada, HOME)
    await harness.addresses.remember(ada, HOME)
    assert await harness.addresses.knows(ada, HOME)
    assert not await harness.addresses.knows(ada, OFFICE)
    assert not await harness.addresses.knows(grace, HOME)


async def test_an_address_is_forgotten_unless_it_is_used(harness: KnownHarness) -> None:
    ada, half_s = unique("ada"), REMEMBERED_FOR.total_seconds() / 2
    await harness.addresses.remember(ada, HOME)
    await harness.addresses.remember(ada, OFFICE)
    harness.clock.advance(half_s)
    await harness.addresses.remember(ada, OFFICE)
    harness.clock.advance(half_s)
    assert [await harness.addresses.knows(ada, address) for address in (HOME, OFFICE)] == [False, True]


async def test_an_account_has_a_limited_number_of_addresses(harness: KnownHarness) -> None:
    ada = unique("ada")
    addresses = [f"198.51.100.{number}" for number in range(MAX_ADDRESSES + 1)]
    for address in addresses:
        await harness.addresses.remember(ada, address)
        harness.clock.advance(1)
    assert [await harness.addresses.knows(ada, address) for address in addresses] == [False] + [True] * MAX_ADDRESSES


async def test_memory_is_bounded(clock: ManualClock) -> None:
    memory = MemoryKnownAddresses(clock=clock)
    for number in range(MAX_EMAILS + 10):
        await memory.remember(f"user{number}@example.com", HOME)
    assert len(memory) == MAX_EMAILS


async def test_redis_holds_no_address_in_clear_text_and_forgets_by_itself(
    redis_known: KnownAddresses, redis: Redis
) -> None:
    ada = f"{unique('ada')}@example.com"
    await redis_known.remember(ada, HOME)
    key = redis_key(ada)
    assert ada not in key
    assert all(HOME.encode() not in member for member in await redis.zrange(key, 0, -1))
    assert 0 < await redis.ttl(key) <= REMEMBERED_FOR.total_seconds()
