"""The copy of event schemas in Redis: a hash with a field for each tenant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from redis.asyncio import Redis

from segops_common.contracts.http import TenantSchemasMessage
from segops_common.stores.redis_breaker import RedisBreaker, RedisUnavailable
from segops_ingest.ports.event_schemas import SchemasUnavailable

KEY: Final = "segops:ingest:{event-schemas}"

# Whether to forget the rest, then of each tenant its id, the number of its latest change and its schemas ('' for none).
_SAVE: Final = """
if ARGV[1] == '1' then redis.call('DEL', KEYS[1], KEYS[2]) end
for i = 2, #ARGV, 3 do
  local kept = redis.call('HGET', KEYS[2], ARGV[i])
  if not kept or tonumber(kept) <= tonumber(ARGV[i + 1]) then
    redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1])
    if ARGV[i + 2] == '' then redis.call('HDEL', KEYS[1], ARGV[i]) else redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 2]) end
  end
end
"""


class RedisSchemaCopy:
    """See the port `SchemaCopy`."""

    def __init__(self, *, redis: RedisBreaker) -> None:
        self._redis = redis
        self._script = redis.redis.register_script(_SAVE)

    async def load(self) -> Sequence[TenantSchemasMessage]:
        async def read(redis: Redis) -> dict[bytes, bytes]:
            members: dict[Any, Any] = await redis.hgetall(KEY)
            return members

        try:
            kept = await self._redis.run(read)
            return [TenantSchemasMessage.model_validate_json(value) for value in kept.values()]
        except (RedisUnavailable, ValueError) as error:
            raise SchemasUnavailable(str(error)) from error

    async def save(self, tenants: Sequence[TenantSchemasMessage], *, replace: bool = False) -> None:
        values: list[str | int] = [int(replace)]
        for tenant in tenants:
            values += [tenant.tenant_id, tenant.number, tenant.model_dump_json() if tenant.schemas else ""]

        async def write(redis: Redis) -> None:
            await self._script(keys=[KEY, f"{KEY}:numbers"], args=values, client=redis)

        try:
            await self._redis.run(write)
        except RedisUnavailable as error:
            raise SchemasUnavailable(str(error)) from error
