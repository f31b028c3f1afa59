"""Starts the whole product for a benchmark and calls its public API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx

from bench.harness.engines import folder
from segops_local.cli.account import Account, first_account
from segops_local.supervisor.local_stack import LocalStack


@asynccontextmanager
async def running() -> AsyncIterator[tuple[LocalStack, Account]]:
    """Start a stack on its own engines; yield it with its first account."""
    with folder() as state:
        stack = LocalStack(state)
        await stack.start()
        try:
            yield stack, await first_account(stack.url, stack.state, postgres_url=stack.engine("postgres").url)
        finally:
            await stack.stop()


async def call(client: httpx.AsyncClient, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Any:
    """Send a POST and return the parsed response. Raises httpx.HTTPStatusError for an error status."""
    answer = await client.post(path, json=body, headers=headers)
    return answer.raise_for_status().json()


async def bearer(client: httpx.AsyncClient, account: Account) -> dict[str, str]:
    """Sign in and return the authorization header."""
    tokens = await call(client, "/api/auth/token/", {"email": account.email, "password": account.password})
    return {"Authorization": f"Bearer {tokens['access_token']}"}
