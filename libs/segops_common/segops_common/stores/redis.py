"""The Redis client. `stores/redis_breaker.py` decides when Redis is skipped.

With the driver's defaults, each call to a dead server takes seconds, so an outage of a cache becomes one of its users.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from redis.asyncio import Redis
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff

from segops_common.stores.redis_address import CACHE, RedisAccess, RedisAddress, redis_address

TLS_CONNECT_TIMEOUT_S: Final = 1.0
"""A handshake takes several round trips, and time of the processor on both sides."""


def create_redis(url: str, *, timeout_s: float | None = None, access: RedisAccess = CACHE) -> Redis:
    """Return a client that waits at most `timeout_s`, by default that of `access`, and does not retry. Values are bytes.

    Raises ValueError for an address that is not understood. A client of a cluster has the same commands; the keys of one
    command must share a hash tag.
    """
    address = redis_address(url)
    options = _options(address, access, timeout_s or access.timeout_s)
    login: dict[str, Any] = {"username": address.user, "password": address.password}
    match address.kind:
        case "server":
            [(host, port)] = address.servers
            return Redis(host=host, port=port, db=address.database, **login, **options)
        case "cluster":
            nodes = [ClusterNode(host, port) for host, port in address.servers]
            return cast(Redis, RedisCluster(startup_nodes=nodes, **login, **options))
        case "sentinel":
            own = {"username": access.sentinel_user or None, "password": access.sentinel_password or None}
            sentinel = Sentinel(  # type: ignore[no-untyped-call]
                address.servers, sentinel_kwargs={**own, **options}, **login, **options
            )
            master: Redis = sentinel.master_for(address.master, db=address.database)
            return master


async def close_redis(redis: Redis) -> None:
    """Close the client's connections, those to Sentinels too."""
    await redis.aclose()
    pool = getattr(redis, "connection_pool", None)
    if isinstance(pool, SentinelConnectionPool):
        for sentinel in pool.sentinel_manager.sentinels:
            await sentinel.aclose()


def _options(address: RedisAddress, access: RedisAccess, timeout_s: float) -> Mapping[str, Any]:
    connect_timeout_s = max(timeout_s, TLS_CONNECT_TIMEOUT_S) if address.uses_tls else timeout_s
    options = {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": access.connect_timeout_s or connect_timeout_s,
        "retry": Retry(NoBackoff(), 0),
    }
    if not address.uses_tls:
        return options
    authorities = {"ssl_ca_certs": str(access.ca_file)} if access.ca_file is not None else {}
    return options | {"ssl": True, "ssl_cert_reqs": "required", "ssl_check_hostname": True, **authorities}
