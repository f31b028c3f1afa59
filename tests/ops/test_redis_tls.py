"""Redis with its own TLS: as a server, behind a Sentinel, and as the event log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from segops_cli.backup import deliveries
from segops_cli.errors import CliError
from segops_common.core.clock import SystemClock
from segops_common.stores.redis import close_redis, create_redis
from segops_common.stores.redis_address import RedisAccess
from segops_common.stores.redis_breaker import RedisBreaker, RedisUnavailable
from segops_common.streams.address import LogAccess
from segops_common.streams.open import open_event_log
from segops_local.state.ports import HOST
from segops_testkit.event_log_tools import new_topic, read
from tests.ops.programs import needed
from tests.ops.redis_tls import RedisTls
from tests.shared.certificates import Authority
from tests.shared.valkey_nodes import ENCODED, OPERATOR, PASSWORD


@dataclass(frozen=True, slots=True)
class Servers:
    """A server and the Sentinel that watches it."""

    server: RedisTls
    sentinel: RedisTls
    authority: Authority

    @property
    def access(self) -> RedisAccess:
        return RedisAccess(
            ca_file=self.authority.ca_file, timeout_s=10, sentinel_user=OPERATOR, sentinel_password=PASSWORD
        )


@pytest.fixture(scope="module")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Servers]:
    program, folder = needed("redis-server", "redis-server"), tmp_path_factory.mktemp("redis")
    authority = Authority(folder)
    server = RedisTls(folder / "server", program, authority)
    await server.start()
    sentinel = RedisTls(folder / "sentinel", program, authority, server)
    await sentinel.start()
    yield Servers(server, sentinel, authority)
    await sentinel.stop()
    await server.stop()


async def ping(url: str, access: RedisAccess) -> bool:
    redis = create_redis(url, access=access)
    try:
        return bool(await RedisBreaker(redis=redis, clock=SystemClock()).run(lambda client: client.ping()))
    finally:
        await close_redis(redis)


async def test_a_server_and_a_sentinel_answer_over_tls(servers: Servers) -> None:
    assert await ping(servers.server.url, servers.access)
    sentinel = f"rediss+sentinel://{OPERATOR}:{ENCODED}@{HOST}:{servers.sentinel.port}/main/0"
    assert await ping(sentinel, servers.access)


async def test_a_backup_checks_the_server_too(servers: Servers) -> None:
    await asyncio.to_thread(deliveries.check, servers.server.url, servers.authority.ca_file)
    for url, ca_file in (
        (servers.server.url, None),
        (servers.server.url.replace(HOST, "localhost"), servers.authority.ca_file),
    ):
        with pytest.raises(CliError, match="certificate"):
            await asyncio.to_thread(deliveries.check, url, ca_file)


async def test_a_certificate_that_nobody_trusts_is_refused(servers: Servers, tmp_path: Path) -> None:
    other = RedisAccess(ca_file=Authority(tmp_path).ca_file, timeout_s=10)
    with pytest.raises(RedisUnavailable, match="certificate"):
        await ping(servers.server.url, other)
    with pytest.raises(RedisUnavailable):
        await ping(servers.server.url.replace(HOST, "localhost"), servers.access)


async def test_the_event_log_is_kept_over_tls(servers: Servers) -> None:
    url = servers.server.url.replace("rediss://", "valkeys://").replace("/0", "/1")
    log = open_event_log(url, clock=SystemClock(), access=LogAccess(ca_file=servers.authority.ca_file))
    topic = new_topic(1)
    try:
        await log.ensure_topics([topic])
        await log.append(topic, b"key", b"value")
        async with log.consumer("group", [topic]) as consumer:
            assert [record.value for record in (await read(consumer, 1))[0]] == [b"value"]
        assert [record.value for record in await log.tail(topic, 0, 1)] == [b"value"]
    finally:
        await log.close()
