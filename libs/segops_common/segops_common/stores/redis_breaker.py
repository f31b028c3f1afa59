"""The circuit breaker of Redis: a dead or frozen server costs a few short time-outs, not every call.

Where Redis holds a cache, callers continue without it: slower, and never with a wrong result. Ingestion refuses what it
cannot remember. The time-out of a command is in `stores/redis.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisClusterException, RedisError

from segops_common.core.clock import Clock

FAILURES_TO_OPEN: Final = 5
OPEN_S: Final = 1.0
T = TypeVar("T")


class RedisUnavailable(Exception):
    """Redis does not respond, or the breaker is open."""


def _ignored() -> None:
    """Count nothing."""


class RedisBreaker:
    """A circuit breaker: after 5 consecutive failures it refuses all commands for a second, then lets them through
    again until one fails."""

    def __init__(self, *, redis: Redis, clock: Clock, on_failure: Callable[[], None] = _ignored) -> None:
        """`on_failure` is called for each command that failed or was refused."""
        self.redis = redis
        self._clock = clock
        self._on_failure = on_failure
        self._failures = 0
        self._open_until = 0.0

    async def run(self, command: Callable[[Redis], Awaitable[T]]) -> T:
        """Return the command's result. Raises RedisUnavailable, without a call while the breaker is open."""
        if self._failures >= FAILURES_TO_OPEN and self._clock.monotonic() < self._open_until:
            self._on_failure()
            raise RedisUnavailable("Redis has not responded recently")
        try:
            result = await command(self.redis)
        except (RedisError, RedisClusterException, OSError, TimeoutError) as error:
            self._failures += 1
            self._open_until = self._clock.monotonic() + OPEN_S
            self._on_failure()
            raise RedisUnavailable(str(error)) from error
        self._failures = 0
        return result
