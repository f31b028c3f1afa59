"""Addresses of Redis."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis.asyncio.cluster import RedisCluster

from segops_common.stores.redis import create_redis
from segops_common.stores.redis_address import RedisAccess, redis_address


def test_an_address_names_a_server_with_user_and_password() -> None:
    address = redis_address("rediss://segops:p%40ss%2F@cache.example.com:6380/2")
    assert (address.kind, address.servers, address.uses_tls) == ("server", (("cache.example.com", 6380),), True)
    assert (address.user, address.password, address.database) == ("segops", "p@ss/", 2)
    assert "p@ss" not in repr(address)


def test_parts_that_are_left_out_have_defaults() -> None:
    address = redis_address("redis://:word@[::1]")
    assert (address.servers, address.user, address.password, address.database) == ((("::1", 6379),), None, "word", 0)


def test_sentinels_name_a_master() -> None:
    address = redis_address("redis+sentinel://u:w@one,two:26380/main/3")
    assert (address.kind, address.servers) == ("sentinel", (("one", 26379), ("two", 26380)))
    assert (address.master, address.database) == ("main", 3)


def test_a_cluster_has_several_nodes_and_one_database() -> None:
    address = redis_address("rediss+cluster://u:w@one:7000,two:7001")
    assert (address.kind, address.servers, address.uses_tls) == ("cluster", (("one", 7000), ("two", 7001)), True)


@pytest.mark.parametrize(
    ("url", "refusal"),
    [
        ("redis://hunter2:hunter2@one:6379/0?ssl_cert_reqs=none", "without options"),
        ("redis://one:6379,two:6379/0", "several servers are"),
        ("redis://one:6379/hunter2", "must be redis://"),
        ("redis+sentinel://one:26379", "redis\\+sentinel://user:password@host:port,host:port/master"),
        ("redis+cluster://one:6379/1", "one database"),
        ("redis+cluster://one:6379,", "redis\\+cluster://"),
        ("unix:///hunter2", "must be redis://"),
        ("http://one/0", "must be redis://"),
    ],
)
def test_another_address_is_refused_without_showing_it(url: str, refusal: str) -> None:
    with pytest.raises(ValueError, match=refusal) as refused:
        redis_address(url)
    assert "hunter2" not in str(refused.value)


def test_connecting_with_tls_may_take_longer() -> None:
    access = RedisAccess(ca_file=Path("/ca.pem"))
    for url, within_s in (("redis://one", 0.05), ("rediss://one", 1.0)):
        options = create_redis(url, access=access).connection_pool.connection_kwargs
        assert (options["socket_timeout"], options["socket_connect_timeout"]) == (0.05, within_s)
    options = create_redis("rediss://one", access=RedisAccess(connect_timeout_s=3)).connection_pool.connection_kwargs
    assert options["socket_connect_timeout"] == 3


def test_certificates_are_always_checked() -> None:
    access = RedisAccess(ca_file=Path("/ca.pem"))
    for url in ("rediss://one", "rediss+sentinel://one/main"):
        options = create_redis(url, access=access).connection_pool.connection_kwargs
        assert (options["ssl_cert_reqs"], options["ssl_check_hostname"], options["ssl_ca_certs"]) == (
            "required",
            True,
            "/ca.pem",
        )
    cluster = create_redis("rediss+cluster://one", access=access)
    assert isinstance(cluster, RedisCluster)
    assert cluster.connection_kwargs["ssl_check_hostname"] is True
