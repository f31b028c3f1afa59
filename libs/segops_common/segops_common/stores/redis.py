"""The Redis client. `stores/redis_breaker.py` decides when Redis is skipped.

With the driver's defaults, each call to a dead server takes seconds, so an outage of a cache becomes one of its users.
"""

from __future__ import annotations

from typing import Final

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

SOCKET_TIMEOUT_S: Final = 0.05


def create_redis(url: str, *, timeout_s: float = SOCKET_TIMEOUT_S) -> Redis:
    """Return a client that waits at most `timeout_s` and does not retry. Values are bytes."""
    return Redis.from_url(url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s, retry=Retry(NoBackoff(), 0))
