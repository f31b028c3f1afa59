"""The copy of event schemas, in memory and on the real engine."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis

from segops_common.contracts.http import TenantSchemasMessage
from segops_common.core.clock import SystemClock
from segops_common.stores.redis import create_redis
from segops_common.stores.redis_breaker import RedisBreaker
from segops_ingest.adapters.memory.event_schemas import MemorySchemaCopy
from segops_ingest.adapters.redis.schema_copy import RedisSchemaCopy
from segops_ingest.ports.event_schemas import SchemaCopy, SchemasUnavailable


def tenant(tenant_id: int, number: int, *event_types: str) -> TenantSchemasMessage:
    rules = [{"name": "a\\.b.ü", "type": "datetime", "required": True}]
    schemas = [{"event_type": name, "mode": "quarantine", "properties": rules} for name in event_types]
    return TenantSchemasMessage.model_validate({"tenant_id": tenant_id, "number": number, "schemas": schemas})


@pytest.fixture(params=["memory", "redis"])
def copy(request: pytest.FixtureRequest) -> SchemaCopy:
    """The copy to test; Redis starts only for tests that use it."""
    if request.param == "memory":
        return MemorySchemaCopy()
    redis: Redis = request.getfixturevalue("redis")
    return RedisSchemaCopy(redis=RedisBreaker(redis=redis, clock=SystemClock()))


async def kept(copy: SchemaCopy) -> dict[int, TenantSchemasMessage]:
    return {message.tenant_id: message for message in await copy.load()}


async def test_schemas_come_back_as_they_were(copy: SchemaCopy) -> None:
    one, other = tenant(1, 1, "order", "login"), tenant(2**62, 2, "order")
    await copy.save([one, other], replace=True)
    assert await kept(copy) == {1: one, 2**62: other}
    await copy.save([], replace=True)
    assert await kept(copy) == {}


async def test_only_later_changes_count(copy: SchemaCopy) -> None:
    await copy.save([tenant(1, 5, "order"), tenant(2, 6, "order")], replace=True)
    await copy.save([tenant(1, 4, "older"), tenant(2, 7)])
    assert await kept(copy) == {1: tenant(1, 5, "order")}
    await copy.save([tenant(2, 6, "order")])
    assert [*await kept(copy)] == [1]
    await copy.save([tenant(1, 1, "restored")], replace=True)
    assert await kept(copy) == {1: tenant(1, 1, "restored")}


async def test_an_outage_is_reported() -> None:
    redis = create_redis("redis://127.0.0.1:1/0")
    copy = RedisSchemaCopy(redis=RedisBreaker(redis=redis, clock=SystemClock()))
    with pytest.raises(SchemasUnavailable):
        await copy.load()
    with pytest.raises(SchemasUnavailable):
        await copy.save([tenant(1, 1)])
    await redis.aclose()
