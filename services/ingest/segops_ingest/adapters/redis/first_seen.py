"""First-seen timestamps in Redis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from redis.asyncio import Redis

from segops_common.stores.redis_breaker import RedisBreaker, RedisUnavailable
from segops_ingest.adapters.metrics import IngestMetrics

KEPT: Final = timedelta(days=7)


class RedisFirstSeen:
    """Sends one `SET … NX GET` per message id, all in one round trip."""

    def __init__(self, *, redis: RedisBreaker, metrics: IngestMetrics) -> None:
        self._redis = redis
        self._metrics = metrics

    async def first_seen(self, tenant_id: int, message_ids: Sequence[str], now: str) -> Mapping[str, str]:
        """See `FirstSeenTimestamps`."""

        async def exchange(redis: Redis) -> list[bytes | None]:
            pipeline = redis.pipeline(transaction=False)
            for message_id in message_ids:
                _ = pipeline.set(f"segops:stamp:{tenant_id}:{message_id}", now, nx=True, get=True, ex=KEPT)
            answers: list[bytes | None] = await pipeline.execute()
            return answers

        try:
            timestamps = await self._redis.run(exchange)
        except RedisUnavailable:
            self._metrics.first_seen_missing(len(message_ids))
            return {}
        return {id_: first.decode() for id_, first in zip(message_ids, timestamps, strict=True) if first}
