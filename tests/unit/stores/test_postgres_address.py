"""Addresses of PostgreSQL."""

from __future__ import annotations

import ssl

import pytest

from segops_common.stores.postgres import connection_arguments
from segops_common.stores.postgres_address import PostgresAccess, postgres_target

URL = "postgresql+asyncpg://segops:p%40ss@one:5432/segops"


def test_the_mode_says_what_is_checked() -> None:
    assert postgres_target(URL).tls is None
    assert postgres_target(f"{URL}?sslmode=disable").tls is False
    assert postgres_target(f"{URL}?sslmode=require").tls == "require"
    for mode, checks_name in (("verify-ca", False), ("verify-full", True)):
        target = postgres_target(f"{URL}?sslmode={mode}")
        assert isinstance(target.tls, ssl.SSLContext)
        assert (target.tls.verify_mode, target.tls.check_hostname) == (ssl.CERT_REQUIRED, checks_name)
        assert target.url == URL


@pytest.mark.parametrize(
    ("url", "refusal"),
    [
        ("postgresql://segops:hunter2@one/segops", "must be postgresql\\+asyncpg://"),
        (f"{URL}?ssl=hunter2", "no option but"),
        (f"{URL}?sslmode=prefer", "disable, require, verify-ca, verify-full"),
        (f"{URL}?sslmode=hunter2", "must have a `sslmode`"),
        ("hunter2", "must be postgresql"),
    ],
)
def test_another_address_is_refused_without_showing_it(url: str, refusal: str) -> None:
    with pytest.raises(ValueError, match=refusal) as refused:
        postgres_target(url)
    assert "hunter2" not in str(refused.value)


def test_behind_a_pooler_no_statement_outlives_its_transaction() -> None:
    assert connection_arguments(URL, PostgresAccess()) == {}
    arguments = connection_arguments(URL, PostgresAccess(pooler="transaction"))
    assert (arguments["statement_cache_size"], arguments["prepared_statement_cache_size"]) == (0, 0)
    assert arguments["prepared_statement_name_func"]() == ""
