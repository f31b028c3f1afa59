"""PostgreSQL over TLS: `sslmode=verify-full` trusts a private authority, and checks the name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa

from segops_common.core.problems import Unavailable
from segops_common.stores.postgres import create_engine, read_session
from segops_common.stores.postgres_address import PostgresAccess
from segops_common.stores.postgres_migrations import migrate_postgres
from segops_segments.bootstrap import MIGRATIONS
from tests.shared.certificates import Authority
from tests.shared.tls_lines import PostgresTlsLine


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
async def tls_url(postgres_url: str, authority: Authority) -> AsyncIterator[str]:
    """The database behind TLS, without an `sslmode`."""
    port = urlsplit(postgres_url).port
    assert port is not None
    line = PostgresTlsLine(target_port=port, context=authority.server_context("127.0.0.1"))
    await line.start()
    yield postgres_url.replace(f":{port}/", f":{line.port}/")
    await line.stop()


async def connect(url: str, ca_file: Path | None) -> None:
    """Open a session. Raises Unavailable when the server is not trusted."""
    engine = create_engine(url, access=PostgresAccess(ca_file=ca_file))
    try:
        async with read_session(engine) as session:
            await session.execute(sa.text("SELECT 1"))
    finally:
        await engine.dispose()


async def test_verify_full_checks_authority_and_name(tls_url: str, authority: Authority, tmp_path: Path) -> None:
    full = f"{tls_url}?sslmode=verify-full"
    await connect(full, authority.ca_file)
    for url, ca_file in (
        (full, None),
        (full, Authority(tmp_path, "other").ca_file),
        (full.replace("127.0.0.1", "localhost"), authority.ca_file),
    ):
        with pytest.raises(Unavailable):
            await connect(url, ca_file)


async def test_other_modes_check_less(tls_url: str, authority: Authority) -> None:
    await connect(f"{tls_url}?sslmode=verify-ca".replace("127.0.0.1", "localhost"), authority.ca_file)
    with pytest.raises(Unavailable):
        await connect(f"{tls_url}?sslmode=verify-ca", None)
    await connect(f"{tls_url}?sslmode=require", None)


async def test_migrations_check_the_server_too(tls_url: str, owner_url: str, authority: Authority) -> None:
    access = PostgresAccess(ca_file=authority.ca_file)
    url = f"{tls_url}?sslmode=verify-full"
    assert await migrate_postgres(url, "segments", MIGRATIONS, check=True, access=access) is not None
    with pytest.raises(OSError, match="certificate"):
        await migrate_postgres(url, "segments", MIGRATIONS, check=True)
