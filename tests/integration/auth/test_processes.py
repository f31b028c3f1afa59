"""The roles as processes: migrations that say what is pending, and an API that starts and stops in order."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from tests.integration.auth.harness import PEPPER, SERVICE_TOKEN, unique


@pytest.fixture
async def empty_database(postgres_url: str) -> AsyncIterator[str]:
    """Another database on the same server."""
    name = unique("auth").replace("-", "_")
    engine = create_async_engine(postgres_url, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(sa.text(f"CREATE DATABASE {name}"))
    yield postgres_url.rsplit("/", 1)[0] + f"/{name}"
    async with engine.connect() as connection:
        await connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    await engine.dispose()


@pytest.fixture
def environment(empty_database: str, redis_url: str, signing_key_file: Path) -> dict[str, str]:
    return {
        "PATH": "/usr/bin:/bin",
        "SEGOPS_POSTGRES_URL": empty_database,
        "SEGOPS_REDIS_URL": redis_url,
        "SEGOPS_DRAIN_S": "0",
        "SEGOPS_SERVICE_TOKEN": SERVICE_TOKEN,
        "SEGOPS_API_KEY_PEPPER": PEPPER,
        "SEGOPS_JWT_PRIVATE_KEY_FILE": str(signing_key_file),
    }


async def start(environment: dict[str, str], *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "segops_auth",
        *arguments,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def run(environment: dict[str, str], *arguments: str) -> tuple[int | None, str]:
    process = await start(environment, *arguments)
    output, _ = await process.communicate()
    return process.returncode, output.decode()


@asynccontextmanager
async def api(environment: dict[str, str]) -> AsyncIterator[tuple[httpx.AsyncClient, asyncio.subprocess.Process]]:
    """The API of its own process, ready."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = await start(environment | {"SEGOPS_HTTP_PORT": str(port)}, "api")
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


async def test_an_installation_from_nothing_to_a_stop(environment: dict[str, str]) -> None:
    code, said = await run(environment, "migrate", "--check")
    assert (code, "pending: 0001" in said) == (1, True), said
    both = await asyncio.gather(run(environment, "migrate"), run(environment, "migrate"))
    assert [code for code, _ in both] == [0, 0], both
    assert (await run(environment, "migrate", "--check"))[0] == 0
    async with api(environment) as (client, process):
        body = {
            "email": "ada@example.com",
            "password": "correct-horse-battery",
            "tenant_name": "A",
            "tenant_slug": "aa",
        }
        assert (await client.post("/api/auth/signup", json=body)).status_code == 201
        assert (await client.get("/internal/users/1/memberships/")).status_code == 401
        assert "segops_http_request_seconds" in (await client.get("/metrics")).text
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 20) == 0


async def test_a_wrong_setting_stops_the_start_and_is_named(environment: dict[str, str]) -> None:
    outcomes = await asyncio.gather(
        run(environment | {"SEGOPS_API_KEY_PEPPER": "too-short"}, "api"),
        run(environment | {"SEGOPS_JWT_PRIVATE_KEY_FILE": __file__}, "api"),
    )
    for (code, said), words in zip(outcomes, ("api_key_pepper", "signing key"), strict=True):
        assert code not in (0, None)
        assert words in said
        assert "too-short" not in said
        assert PEPPER not in said
