"""Redis as managed services offer it: a cluster, a master behind Sentinels, and a server with TLS.

Everything that uses the cache works on each, as the users of `deploy/valkey/users.toml`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from redis.asyncio import Redis

from segops_auth.adapters.redis.cache_invalidation import RedisCacheInvalidation
from segops_auth.adapters.redis.known_addresses import RedisKnownAddresses
from segops_common.core.clock import Clock, SystemClock
from segops_common.core.problems import RateLimited
from segops_common.core.rate_limit import Charge, Limit
from segops_common.security.cache_invalidation import InvalidationListener
from segops_common.security.introspection_cache import IntrospectionCache
from segops_common.security.principal import Principal
from segops_common.stores.rate_limit import RedisThrottle
from segops_common.stores.redis import close_redis, create_redis
from segops_common.stores.redis_address import RedisAccess
from segops_common.stores.redis_breaker import RedisBreaker, RedisUnavailable
from segops_common.streams.address import LogAccess
from segops_common.streams.log import LogUnavailable
from segops_common.streams.open import open_event_log
from segops_ingest.adapters.redis.rejections import RedisRejectionLog
from segops_ingest.ports.rejections import Rejection, RejectionEntry
from segops_local.engines import ValkeyEngine
from segops_membership.adapters.redis.membership_cache import RedisMembershipCache
from segops_membership.ports.membership import CacheEntry
from segops_testkit.event_log_tools import new_topic
from segops_testkit.tcp_proxy import TcpProxy
from tests.shared.certificates import Authority
from tests.shared.valkey_nodes import ENCODED, OPERATOR, PASSWORD, ValkeyCluster, ValkeyNode, ValkeySentinel, command

CLOCK = SystemClock()
NEVER_REFUSED = Limit(name="tenant", quota=100, period_s=60)
ONE = Limit(name="key", quota=1, period_s=3_600)
TENANTS = range(1, 10)


class Principals(IntrospectionCache[Principal]):
    """Notes what a listener does with the cache."""

    def __init__(self, *, clock: Clock) -> None:
        super().__init__(clock=clock)
        self.expirations: list[None] = []
        self.invalidations: list[None] = []

    def expire_all(self) -> None:
        super().expire_all()
        self.expirations.append(None)

    def invalidate(self, matches: Callable[[Principal], bool]) -> None:
        super().invalidate(matches)
        self.invalidations.append(None)

    @staticmethod
    async def until(notes: Sequence[None], count: int) -> None:
        async with asyncio.timeout(60):
            while len(notes) < count:
                await asyncio.sleep(0.02)


@asynccontextmanager
async def breaker(url: str, access: RedisAccess | None = None) -> AsyncIterator[RedisBreaker]:
    redis = create_redis(url, timeout_s=10, access=access or RedisAccess())
    try:
        yield RedisBreaker(redis=redis, clock=CLOCK)
    finally:
        await close_redis(redis)


@pytest.fixture(scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ValkeyCluster]:
    cluster = ValkeyCluster(tmp_path_factory.mktemp("cluster"))
    await cluster.start()
    yield cluster
    await cluster.stop()


async def test_a_cluster_caches_lookups(cluster: ValkeyCluster) -> None:
    async with breaker(cluster.url_for("segops_membership")) as redis:
        cache = RedisMembershipCache(breaker=redis, random=Random(1))
        for tenant in TENANTS:
            await cache.write(tenant, 3, "ada", (tenant, 50))
            await cache.raise_to(tenant, 3)
            assert await cache.claim(tenant, 3, "bob")
            assert await cache.read(tenant, 3, "ada") == CacheEntry(3, (tenant, 50))
            assert await cache.read_many(tenant, 3, ["ada", "bob"]) == (3, {"ada": (tenant, 50)})
        await cache.check()
    sizes = [await keys_of(node) for node in cluster.nodes]
    assert min(sizes) > 0, f"every node has keys: {sizes}"


async def test_a_cluster_counts_several_limits_at_once(cluster: ValkeyCluster) -> None:
    fallbacks: list[None] = []
    for service in ("auth", "ingest", "segments", "membership"):
        async with breaker(cluster.url_for(f"segops_{service}")) as redis:
            throttle = RedisThrottle(
                redis=redis, clock=CLOCK, service=service, on_fallback=lambda: fallbacks.append(None)
            )
            charges = [Charge(NEVER_REFUSED, "tenant:1"), Charge(ONE, "key:1")]
            assert [standing.remaining for standing in await throttle.charge(charges)] == [99, 0]
            with pytest.raises(RateLimited):
                await throttle.charge(charges)
            await throttle.refund(ONE, "key:1")
            await throttle.charge(charges)
    assert fallbacks == []


async def test_a_cluster_keeps_refusals_and_known_addresses(cluster: ValkeyCluster) -> None:
    async with breaker(cluster.url_for("segops_ingest")) as redis:
        log = RedisRejectionLog(redis=redis, clock=CLOCK)
        rejection = Rejection(route="/", status=422, reason="x", code="y", path="", detail="must be z")
        entry = RejectionEntry("1", datetime.now(UTC), 1, rejection)
        for tenant in TENANTS:
            await log.add(tenant, [entry])
            assert await log.entries(tenant) == [entry]
    async with breaker(cluster.url_for("segops_auth")) as redis:
        await RedisKnownAddresses(redis=redis, clock=CLOCK).remember("ada@example.com", "192.0.2.1")
        assert await RedisKnownAddresses(redis=redis, clock=CLOCK).knows("ada@example.com", "192.0.2.1")


async def test_a_cluster_carries_changed_credentials(cluster: ValkeyCluster) -> None:
    """Whatever node a service listens on."""
    cache = Principals(clock=CLOCK)
    async with breaker(cluster.url_for("segops_segments")) as listening:
        listener = InvalidationListener(redis=listening.redis, clock=CLOCK, cache=cache)
        listener.start()
        await cache.until(cache.expirations, 1)
        async with breaker(cluster.url_for("segops_auth")) as redis:
            await RedisCacheInvalidation(redis=redis).key_changed(7)
        await cache.until(cache.invalidations, 1)
        await listener.stop()


async def test_a_dead_node_is_an_outage_of_its_keys(cluster: ValkeyCluster) -> None:
    """The last test of the cluster: the node stays dead."""
    async with breaker(cluster.url_for("segops_membership")) as redis:
        cache = RedisMembershipCache(breaker=redis, random=Random(1))
        await cache.check()
        cluster.nodes[2].kill(stay_down=True)
        outcomes = await asyncio.gather(
            *(RedisBreaker(redis=redis.redis, clock=CLOCK).run(reading(tenant)) for tenant in range(60)),
            return_exceptions=True,
        )
    failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert failures
    assert {type(failure) for failure in failures} == {RedisUnavailable}


async def test_sentinels_name_the_new_master(tmp_path: Path) -> None:
    master = ValkeyNode(tmp_path / "master")
    await master.start()
    signed_in = ("--masteruser", OPERATOR, "--masterauth", PASSWORD, "--repl-diskless-sync-delay", "0")
    replica = ValkeyNode(tmp_path / "replica", "--replicaof", f"127.0.0.1 {master.port}", *signed_in)
    sentinel = ValkeySentinel(tmp_path / "sentinel", master)
    await asyncio.gather(replica.start(), sentinel.start())
    url = f"redis+sentinel://segops_membership:{ENCODED}@127.0.0.1:{sentinel.port}/main/0"
    access = RedisAccess(sentinel_user=OPERATOR, sentinel_password=PASSWORD)
    try:
        async with breaker(url, access) as redis:
            await redis.run(lambda client: client.set("segops:membership:x", "before"))
            await until_replicated(replica, sentinel)
            master.kill(stay_down=True)
            async with asyncio.timeout(60):
                while await reading_of(redis, "segops:membership:x") is None:
                    await asyncio.sleep(0.1)
            assert await reading_of(redis, "segops:membership:x") == b"before"
            await redis.run(lambda client: client.set("segops:membership:x", "after"))
        async with breaker(url.replace("/main/", "/other/"), access) as redis:
            with pytest.raises(RedisUnavailable):
                await redis.run(lambda client: client.ping())
        async with breaker(url) as redis:
            with pytest.raises(RedisUnavailable):
                await redis.run(lambda client: client.ping())
    finally:
        await asyncio.gather(sentinel.stop(), replica.stop(), master.stop())


async def test_a_server_is_reached_by_tls(tmp_path: Path) -> None:
    engine, authority = ValkeyEngine(tmp_path / "valkey"), Authority(tmp_path)
    await engine.start()
    line = TcpProxy(target_port=engine.port, tls=authority.server_context("127.0.0.1"))
    await line.start()
    cache_url = engine.url.replace("redis://", "rediss://").replace(f":{engine.port}/", f":{line.port}/")
    log_url = engine.event_log_url.replace("valkey://", "valkeys://").replace(f":{engine.port}/", f":{line.port}/")
    try:
        async with breaker(cache_url, RedisAccess(ca_file=authority.ca_file)) as redis:
            assert await redis.run(lambda client: client.ping())
        await append(log_url, authority.ca_file)
        other = Authority(tmp_path, "other").ca_file
        for ca_file in (other, None):
            async with breaker(cache_url, RedisAccess(ca_file=ca_file)) as redis:
                with pytest.raises(RedisUnavailable, match="certificate"):
                    await redis.run(lambda client: client.ping())
        with pytest.raises(LogUnavailable):
            await append(log_url, other)
        with pytest.raises(LogUnavailable):
            await append(log_url.replace("127.0.0.1", "localhost"), authority.ca_file)
    finally:
        await line.stop()
        await engine.stop()


def reading(tenant: int) -> Callable[[Redis], Awaitable[Any]]:
    """Return the reading of a key of this tenant."""
    return lambda client: client.get(f"segops:membership:{{{tenant}}}:x")


async def reading_of(redis: RedisBreaker, key: str) -> bytes | None:
    """Return the value; None while there is no master."""
    try:
        value = await redis.run(lambda client: client.get(key))
    except RedisUnavailable:
        return None
    return value if isinstance(value, bytes) else None


async def keys_of(node: ValkeyNode) -> int:
    """Return the number of keys of a node."""
    async with Redis.from_url(node.url) as redis:
        return int(await redis.dbsize())


async def until_replicated(replica: ValkeyNode, sentinel: ValkeyNode) -> None:
    """Return when the replica has the master's data and the Sentinel knows it."""
    async with Redis.from_url(replica.url) as data, Redis.from_url(sentinel.url) as watcher, asyncio.timeout(60):
        while await data.get("segops:membership:x") is None:
            await asyncio.sleep(0.05)
        while not await command(watcher, "SENTINEL", "REPLICAS", "main"):
            await asyncio.sleep(0.05)


async def append(url: str, ca_file: Path) -> None:
    """Store a record and read it."""
    log, topic = open_event_log(url, clock=CLOCK, access=LogAccess(ca_file=ca_file)), new_topic(1)
    try:
        await log.ensure_topics([topic])
        await log.append(topic, b"key", b"value")
        assert [record.value for record in await log.tail(topic, 0, 1)] == [b"value"]
    finally:
        await log.close()
