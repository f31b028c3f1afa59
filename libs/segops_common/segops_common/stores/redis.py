"""Redis for caches, with a circuit breaker: a dead or frozen server costs a few short time-outs, not every call.

With the client's defaults, each call to a dead server takes seconds, so an outage of the cache becomes one of its users.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from segops_common.core.clock import Clock

SOCKET_TIMEOUT_S = 0.05
FAILURES_TO_OPEN = 5
OPEN_S = 1.0
T = TypeVar("T")


class RedisUnavailable(Exception):
    """Redis does not respond, or the breaker is open: continue without it."""


def create_redis(url: str, *, timeout_s: float = SOCKET_TIMEOUT_S) -> Redis:
    """Return a client that waits at most `timeout_s` and does not retry. Values are bytes."""
    return Redis.from_url(url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s, retry=Retry(NoBackoff(), 0))


class RedisBreaker:
    """A circuit breaker: after 5 consecutive failures it refuses all commands for a second, then tries the next."""

    def __init__(self, *, redis: Redis, clock: Clock) -> None:
        self.redis = redis
        self._clock = clock
        self._failures = 0
        self._open_until = 0.0

    async def run(self, command: Callable[[Redis], Awaitable[T]]) -> T:
        """Return the command's result. Raises RedisUnavailable, without a call while the breaker is open."""
        if self._failures >= FAILURES_TO_OPEN and self._clock.monotonic() < self._open_until:
            raise RedisUnavailable("Redis has not responded recently")
        try:
            result = await command(self.redis)
        except (RedisError, OSError, TimeoutError) as error:
            self._failures += 1
            self._open_until = self._clock.monotonic() + OPEN_S
            raise RedisUnavailable(str(error)) from error
        self._failures = 0
        return result
