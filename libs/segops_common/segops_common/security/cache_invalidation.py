"""Cache invalidation: listens on Redis for the credentials and users that auth reports as changed."""

from __future__ import annotations

import asyncio
import logging
import re

from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.exceptions import RedisClusterException, RedisError

from segops_common.contracts.http import AUTH_INVALIDATION_CHANNEL
from segops_common.core.clock import Clock
from segops_common.core.retry import full_jitter
from segops_common.core.tasks import spawn
from segops_common.security.introspection_cache import IntrospectionCache
from segops_common.security.principal import Principal, UserPrincipal

POLL_S = 1.0
_MESSAGE = re.compile(r"(key|user|tenant):([0-9]{1,19})", re.ASCII)
_log = logging.getLogger(__name__)


class InvalidationListener:
    """Invalidates cached introspections. While Redis is unreachable, they are still at most 30 s old."""

    def __init__(self, *, redis: Redis | RedisCluster, clock: Clock, cache: IntrospectionCache[Principal]) -> None:
        self._redis = redis
        self._clock = clock
        self._cache = cache
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Listen until `stop`. No effect when already listening."""
        if self._task is None:
            self._task = spawn(self._run(), name="auth cache invalidation")

    async def stop(self) -> None:
        """Return when the listener has ended."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        delays = full_jitter(base_s=0.2, cap_s=2.0)
        while True:
            try:
                await self._listen()
            except (RedisError, RedisClusterException, OSError, TimeoutError) as error:
                _log.debug("cannot listen for changed credentials: %s", error)
                await self._forget_nodes()
            await self._clock.sleep(next(delays))

    async def _forget_nodes(self) -> None:
        """Let the client ask a cluster anew which nodes it has: the one that it listened to may be gone."""
        if isinstance(self._redis, RedisCluster):
            await self._redis.aclose()

    async def _listen(self) -> None:
        await self._redis.initialize()
        async with self._redis.pubsub(ignore_subscribe_messages=False) as channel:
            await channel.subscribe(AUTH_INVALIDATION_CHANNEL)
            while True:
                message = await channel.get_message(timeout=POLL_S)
                if message is not None and message["type"] == "subscribe":
                    self._cache.expire_all()
                elif message is not None and message["type"] == "message":
                    self._invalidate(bytes(message["data"]).decode("ascii", "replace"))

    def _invalidate(self, message: str) -> None:
        changed = _MESSAGE.fullmatch(message)
        if changed is not None:
            name = (changed[1], int(changed[2]))
            self._cache.invalidate(lambda principal: name in _names(principal))


def key_changed(key_id: int) -> str:
    """Return the message that a key was revoked or replaced."""
    return f"key:{key_id}"


def user_changed(user_id: int) -> str:
    """Return the message that a user's roles have changed."""
    return f"user:{user_id}"


def tenant_changed(tenant_id: int) -> str:
    """Return the message that a tenant's slug has changed."""
    return f"tenant:{tenant_id}"


def _names(principal: Principal) -> set[tuple[str, int]]:
    tenants = {("tenant", tenant) for tenant in principal.slugs}
    own = ("user", principal.user_id) if isinstance(principal, UserPrincipal) else ("key", principal.key_id)
    return {own, *tenants}
