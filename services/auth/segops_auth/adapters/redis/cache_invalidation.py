"""Publishes changed credentials on a Redis channel that every service listens to."""

from __future__ import annotations

import logging

from segops_common.contracts.http import AUTH_INVALIDATION_CHANNEL
from segops_common.security.cache_invalidation import key_changed, tenant_changed, user_changed
from segops_common.stores.redis_breaker import RedisBreaker, RedisUnavailable

_log = logging.getLogger(__name__)


class RedisCacheInvalidation:
    """Publishes each change once. Without a listener, or without Redis, cached answers expire after 30 seconds."""

    def __init__(self, *, redis: RedisBreaker) -> None:
        self._redis = redis

    async def key_changed(self, key_id: int) -> None:
        await self._publish(key_changed(key_id))

    async def user_changed(self, user_id: int) -> None:
        await self._publish(user_changed(user_id))

    async def tenant_changed(self, tenant_id: int) -> None:
        await self._publish(tenant_changed(tenant_id))

    async def _publish(self, message: str) -> None:
        try:
            await self._redis.run(lambda redis: redis.publish(AUTH_INVALIDATION_CHANNEL, message))
        except RedisUnavailable:
            _log.warning("Redis is down: the change of %s was not published; services see it within 30 s", message)
