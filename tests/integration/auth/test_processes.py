"""The roles as processes: migrations that say what is pending, and an API that starts and stops in order."""

from __future__ import annotations

import asyncio
import signal
import socket
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from tests.integration.auth.harness import PEPPER, SERVICE_TOKEN, unique
from tests.shared.fork_server import ForkedProcess, ForkServer


@pytest.fixture
async def empty_database(superuser_url: str) -> AsyncIterator[str]:
    """The name of another database on the same server."""
    name = unique("auth").replace("-", "_")
    engine = create_async_engine(superuser_url, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(sa.text(f"CREATE DATABASE {name} OWNER segops_owner"))
    yield name
    async with engine.connect() as connection:
        await connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    await engine.dispose()


@dataclass(frozen=True, slots=True)
class AuthProcesses:
    """Starts `python -m segops_auth` in an environment of its own."""

    forks: ForkServer
    environment: dict[str, str]

    async def start(self, *arguments: str, **settings: str) -> ForkedProcess:
        return await self.forks.start(
            "-m", "segops_auth", *arguments, env=self.environment | settings, stdout=PIPE, stderr=STDOUT
        )

    async def run(self, *arguments: str, **settings: str) -> tuple[int | None, str]:
        """Return the exit status and the output."""
        process = await self.start(*arguments, **settings)
        output, _ = await process.communicate()
        return process.returncode, (output or b"").decode()


@pytest.fixture
def processes(
    forks: ForkServer, postgres_urls: dict[str, str], empty_database: str, redis_url: str, signing_key_file: Path
) -> AuthProcesses:
    """The roles over an empty database."""
    forks.preload("segops_auth.app")
    urls = {role: f"{url.rpartition('/')[0]}/{empty_database}" for role, url in postgres_urls.items()}
    environment = {
        "PATH": "/usr/bin:/bin",
        "SEGOPS_POSTGRES_URL": urls["auth"],
        "SEGOPS_MIGRATE_POSTGRES_URL": urls["owner"],
        "SEGOPS_REDIS_URL": redis_url,
        "SEGOPS_DRAIN_S": "0",
        "SEGOPS_SERVICE_TOKEN": SERVICE_TOKEN,
        "SEGOPS_API_KEY_PEPPER": PEPPER,
        "SEGOPS_JWT_PRIVATE_KEY_FILE": str(signing_key_file),
    }
    return AuthProcesses(forks, environment)


@asynccontextmanager
async def api(processes: AuthProcesses) -> AsyncIterator[tuple[httpx.AsyncClient, ForkedProcess]]:
    """The API of its own process, ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = await processes.start("api", SEGOPS_HTTP_PORT=str(port))
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            async with asyncio.timeout(30):
                while not await is_ready(client):
                    assert process.returncode is None
                    await asyncio.sleep(0.1)
            yield client, process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def is_ready(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/readyz")).status_code == 200
    except httpx.TransportError:
        return False


async def test_an_installation_from_nothing_to_a_stop(processes: AuthProcesses) -> None:
    code, output = await processes.run("migrate", "--check")
    assert (code, "pending: 0001" in output) == (1, True), output
    both = await asyncio.gather(processes.run("migrate"), processes.run("migrate"))
    assert [code for code, _ in both] == [0, 0], both
    assert (await processes.run("migrate", "--check"))[0] == 0
    outcomes = [await processes.run("keys", "rotate") for _ in range(2)]
    assert [code for code, _ in outcomes] == [0, 1], outcomes
    assert "Key" in outcomes[1][1]
    assert "Traceback" not in outcomes[1][1]
    code, keys = await processes.run("keys", "list")
    assert (code, keys.count("signs from")) == (0, 2), keys
    async with api(processes) as (client, process):
        body = {
            "email": "ada@example.com",
            "password": "correct-horse-battery",
            "tenant_name": "A",
            "tenant_slug": "aa",
        }
        assert (await client.post("/api/auth/signup", json=body)).status_code == 201
        assert (await client.get("/internal/users/1/memberships/")).status_code == 401
        jwks = (await client.get("/api/auth/.well-known/jwks.json")).json()["keys"]
        assert [key["kid"] for key in jwks] == [line.split()[0] for line in keys.splitlines() if "signs from" in line]
        assert "segops_http_request_seconds" in (await client.get("/metrics")).text
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 20) == 0


async def test_a_changed_entry_of_an_audit_log_is_named(
    processes: AuthProcesses, superuser_url: str, empty_database: str
) -> None:
    await processes.run("migrate")
    async with api(processes) as (client, _):
        for name in ("ada", "grace"):
            body = {
                "email": f"{name}@example.com",
                "password": "correct-horse-battery",
                "tenant_name": name,
                "tenant_slug": name,
            }
            assert (await client.post("/api/auth/signup", json=body)).status_code == 201
    intact = ["tenant 1: 1 entries, intact", "tenant 2: 1 entries, intact"]
    code, output = await processes.run("audit", "verify")
    assert (code, [line for line in output.splitlines() if line.startswith("tenant")]) == (0, intact), output
    engine = create_async_engine(f"{superuser_url.rpartition('/')[0]}/{empty_database}")
    async with engine.begin() as connection:
        await connection.execute(sa.text("ALTER TABLE auth.audit_log DISABLE TRIGGER USER"))
        await connection.execute(sa.text("UPDATE auth.audit_log SET actor_id = 99 WHERE tenant_id = 2"))
    await engine.dispose()
    code, output = await processes.run("audit", "verify")
    broken = "tenant 2: broken after 0 intact entries: entry 1 was changed: its content does not match its hash"
    assert (code, [line for line in output.splitlines() if line.startswith("tenant")]) == (1, [intact[0], broken])


async def test_a_wrong_setting_stops_the_start_and_is_named(processes: AuthProcesses) -> None:
    outcomes = await asyncio.gather(
        processes.run("api", SEGOPS_API_KEY_PEPPER="too-short"),
        processes.run("api", SEGOPS_JWT_PRIVATE_KEY_FILE=__file__),
    )
    for (code, output), words in zip(outcomes, ("SEGOPS_API_KEY_PEPPER", "signing key"), strict=True):
        assert code not in (0, None)
        assert words in output
        assert "too-short" not in output
        assert PEPPER not in output
