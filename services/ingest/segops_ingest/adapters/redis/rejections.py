"""The log of refusals in Redis: for each tenant a sorted set by time, which is trimmed and expires."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

import orjson
from redis.asyncio import Redis

from segops_common.core.clock import Clock
from segops_common.stores.redis_breaker import RedisBreaker, RedisUnavailable
from segops_ingest.ports.rejections import (
    KEPT,
    MAX_ENTRIES,
    Rejection,
    RejectionEntry,
    RejectionLogUnavailable,
)

_KEPT_S: Final = int(KEPT.total_seconds())

# The greatest number of entries, the seconds to keep them, and of each entry its score and its text.
_ADD: Final = """
for i = 3, #ARGV, 2 do redis.call('ZADD', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -ARGV[1] - 1)
redis.call('EXPIRE', KEYS[1], ARGV[2])
"""


class RedisRejectionLog:
    """Has a breaker of its own, so that its failures do not refuse events."""

    def __init__(self, *, redis: RedisBreaker, clock: Clock) -> None:
        self._redis = redis
        self._script = redis.redis.register_script(_ADD)
        self._clock = clock

    async def add(self, tenant_id: int, entries: Sequence[RejectionEntry]) -> None:
        """See `RejectionLog`."""
        values: list[str | bytes | int] = [MAX_ENTRIES, _KEPT_S]
        for entry in entries:
            values += [entry.position, _member(entry)]

        async def write(redis: Redis) -> None:
            await self._script(keys=[_key(tenant_id)], args=values, client=redis)

        try:
            await self._redis.run(write)
        except RedisUnavailable as error:
            raise RejectionLogUnavailable(str(error)) from error

    async def entries(self, tenant_id: int) -> Sequence[RejectionEntry]:
        """See `RejectionLog`."""
        oldest = int((self._clock.now() - KEPT).timestamp() * 1_000_000)

        async def read(redis: Redis) -> list[bytes]:
            members: list[Any] = await redis.zrevrangebyscore(_key(tenant_id), "+inf", oldest)
            return members

        try:
            members = await self._redis.run(read)
        except RedisUnavailable as error:
            raise RejectionLogUnavailable(str(error)) from error
        return [*map(_entry, members)]


def _key(tenant_id: int) -> str:
    return f"segops:ingest:rejections:{tenant_id}"


def _member(entry: RejectionEntry) -> bytes:
    """Return the entry as text. It begins with the id, by which Redis orders entries of one time."""
    return orjson.dumps([entry.id, entry.at.isoformat(), entry.count, asdict(entry.rejection)])


def _entry(member: bytes) -> RejectionEntry:
    values: list[Any] = orjson.loads(member)
    entry_id, at, count, rejection = values
    return RejectionEntry(entry_id, datetime.fromisoformat(at), count, Rejection(**rejection))
