"""The protection switched off: Redis forgets which events were delivered."""

from __future__ import annotations

from collections.abc import Iterable

from redis.asyncio import Redis


async def forget_deliveries(redis_url: str, tenants: Iterable[int]) -> int:
    """Delete the memory of deliveries of the tenants. Return how many notes there were."""
    redis = Redis.from_url(redis_url)
    try:
        keys = [key for tenant in tenants async for key in redis.scan_iter(f"segops:stamp:{tenant}:*")]
        return int(await redis.unlink(*keys)) if keys else 0
    finally:
        await redis.aclose()
