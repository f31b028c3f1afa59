"""Auth on a real PostgreSQL and a real Redis, with a manual clock and cheap password hashes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from segops_auth.bootstrap import Bootstrap
from segops_auth.settings import Settings
from segops_common.core.clock import SystemClock
from segops_common.runtime.migrations import apply_all
from segops_testkit.clock import ManualClock
from tests.integration.auth.harness import PEPPER, SERVICE_TOKEN, AuthHarness, opened
from tests.unit.security.keys import new_private_key


@pytest.fixture(scope="session")
def postgres_url(postgres_urls: dict[str, str]) -> str:
    """The database for the role of the service, which sees one tenant at a time."""
    return postgres_urls["auth"]


@pytest.fixture(scope="session")
def signing_key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a unique signing key."""
    file = tmp_path_factory.mktemp("auth") / "jwt.pem"
    file.write_text(new_private_key())
    return file


@pytest.fixture(scope="session")
async def auth_settings(owner_url: str, postgres_url: str, redis_url: str, signing_key_file: Path) -> Settings:
    """Settings with limits that no test reaches. The tables are migrated."""
    settings = Settings(
        postgres_url=postgres_url,
        migrate_postgres_url=owner_url,
        # On a busy machine Redis may take longer than 50 ms, and then each process would count on its own.
        redis_url=redis_url,
        redis_timeout_s=5,
        service_token=SecretStr(SERVICE_TOKEN),
        api_key_pepper=SecretStr(PEPPER),
        jwt_private_key_file=signing_key_file,
        logins_per_email=10_000,
        logins_per_address=10_000,
    )
    await apply_all(Bootstrap(settings).migrations)
    return settings


@pytest.fixture(scope="session")
def auth_clock() -> ManualClock:
    """The clock of `auth`, which tests advance."""
    return ManualClock(SystemClock().now())


@pytest.fixture(scope="session")
async def auth(auth_settings: Settings, auth_clock: ManualClock) -> AsyncIterator[AuthHarness]:
    """The running auth."""
    async with opened(auth_settings, auth_clock) as auth:
        yield auth
