"""Addresses of ClickHouse."""

from __future__ import annotations

import pytest

from segops_common.stores.clickhouse import ClickHouse
from segops_common.stores.clickhouse_address import clickhouse_address


def test_the_scheme_says_whether_tls_is_used() -> None:
    for url, interface, port in (("http://one/db", "http", 8123), ("https://one/db", "https", 8443)):
        address = clickhouse_address(url)
        assert (address.interface, address.port) == (interface, port)
    assert clickhouse_address("https://one:9000/db").interface == "https"


def test_user_and_password_are_decoded_and_not_shown() -> None:
    address = clickhouse_address("http://segops%5Fsink:p%40ss%2F@one:8123/segops")
    assert (address.user, address.password, address.database) == ("segops_sink", "p@ss/", "segops")
    assert "p@ss" not in repr(address)
    assert (clickhouse_address("http://one").user, clickhouse_address("http://one").database) == ("default", "default")


def test_several_servers_are_the_shards_of_a_cluster() -> None:
    address = clickhouse_address("http://u:p,w@one:9000,two,[::1]:9001/db")
    assert [(shard.host, shard.port, shard.database) for shard in address.shards()] == [
        ("one", 9000, "db_shard"),
        ("two", 8123, "db_shard"),
        ("::1", 9001, "db_shard"),
    ]
    assert [str(shard.mark) for shard in address.shards()] == ["shard 1 of 3", "shard 2 of 3", "shard 3 of 3"]
    assert (address.password, address.shards()[1].password) == ("p,w", "p,w")
    assert [server.host for server in address.servers("system")] == ["one", "two", "::1"]
    assert (clickhouse_address("http://one/db").shards(), clickhouse_address("http://one/db").mark) == ((), None)


async def test_a_single_server_is_its_own_shard() -> None:
    one, two = ClickHouse(url="http://one/db"), ClickHouse(url="http://one,two/db")
    assert (list(one.shards), one.is_cluster) == ([one], False)
    assert ([shard.database for shard in two.shards], two.is_cluster) == (["db_shard", "db_shard"], True)
    await one.close()
    await two.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://hunter2,/db",
        "http://one:hunter2/db",
        "http:///hunter2",
        "hunter2",
        "clickhouse://hunter2@one/db",
        "https://hunter2@one/db?verify=false",
        "http://one/db/hunter2",
    ],
)
def test_another_address_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ValueError, match="must be http://user:password@host:port/database") as refused:
        ClickHouse(url=url)
    assert "hunter2" not in str(refused.value)
