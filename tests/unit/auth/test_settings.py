"""The environment of auth: what is missing or too weak is named, and never printed."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from segops_auth.settings import Settings

GOOD = {
    "postgres_url": "postgresql+asyncpg://segops@127.0.0.1/segops",
    "redis_url": "redis://127.0.0.1/0",
    "service_token": SecretStr("s" * 32),
    "api_key_pepper": SecretStr("p" * 32),
    "jwt_private_key_file": Path("key.pem"),
}


def test_the_limits_are_there_unless_said_otherwise() -> None:
    settings = Settings.model_validate(GOOD)
    assert (settings.logins_per_email, settings.logins_per_address) == (10, 30)
    assert (settings.http_host, settings.http_port) == ("127.0.0.1", 8000)


@pytest.mark.parametrize("name", GOOD)
def test_what_is_missing_is_named(name: str) -> None:
    settings = Settings.model_validate({key: value for key, value in GOOD.items() if key != name})
    with pytest.raises(ValueError, match=f"SEGOPS_{name.upper()} must be set for the role `api`"):
        settings.require("api")
    Settings.model_validate(GOOD).require("api")


def test_migrate_needs_the_address_for_the_owner_and_nothing_else() -> None:
    with pytest.raises(ValueError, match="SEGOPS_MIGRATE_POSTGRES_URL must be set for the role `migrate`"):
        Settings.model_validate(GOOD).require("migrate")
    Settings(migrate_postgres_url="postgresql+asyncpg://a/b").require("migrate")


@pytest.mark.parametrize("name", ["service_token", "api_key_pepper"])
def test_a_short_secret_is_refused_and_not_shown(name: str) -> None:
    with pytest.raises(ValidationError, match=name) as refused:
        Settings.model_validate(GOOD | {name: "hunter2-hunter2"})
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("name", ["logins_per_email", "logins_per_address"])
def test_a_limit_lets_somebody_in(name: str) -> None:
    with pytest.raises(ValidationError, match=name):
        Settings.model_validate(GOOD | {name: 0})


def test_trusted_proxies_are_networks_and_none_unless_set() -> None:
    assert Settings.model_validate(GOOD).trusted_proxies == ()
    settings = Settings.model_validate(GOOD | {"trusted_proxies": "10.0.0.0/8, fd00::/8"})
    assert settings.trusted_proxies == (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
    with pytest.raises(ValidationError, match="trusted_proxies"):
        Settings.model_validate(GOOD | {"trusted_proxies": "the ingress"})
