"""Redis for caches: a dead or frozen server costs one short time-out, then nothing until it may be back.

The client's own defaults turn an outage of the cache into one of its users: seconds a call on a dead server.
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
    """Redis does not answer, or has not lately; go on without it."""


def create_redis(url: str, *, timeout_s: float = SOCKET_TIMEOUT_S) -> Redis:
    """A client that waits `timeout_s` at most and never retries by itself; answers are bytes."""
    return Redis.from_url(url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s, retry=Retry(NoBackoff(), 0))


class RedisBreaker:
    """Runs commands until five in a row fail; then refuses for a second before it tries one again."""

    def __init__(self, *, redis: Redis, clock: Clock) -> None:
        self.redis = redis
        self._clock = clock
        self._failures = 0
        self._closed_again_at = 0.0

    async def run(self, command: Callable[[Redis], Awaitable[T]]) -> T:
        """The command's answer; raises RedisUnavailable at once while open."""
        if self._failures >= FAILURES_TO_OPEN and self._clock.monotonic() < self._closed_again_at:
            raise RedisUnavailable("Redis did not answer lately")
        try:
            answer = await command(self.redis)
        except (RedisError, OSError, TimeoutError) as error:
            self._failures += 1
            self._closed_again_at = self._clock.monotonic() + OPEN_S
            raise RedisUnavailable(str(error)) from error
        self._failures = 0
        return answer
