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


@pytest.mark.parametrize(
    "url", ["hunter2", "clickhouse://hunter2@one/db", "https://hunter2@one/db?verify=false", "http://one/db/hunter2"]
)
def test_another_address_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ValueError, match="must be http://user:password@host:port/database") as refused:
        ClickHouse(url=url)
    assert "hunter2" not in str(refused.value)
