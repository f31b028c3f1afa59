"""The whole product, started for a benchmark, and its public API."""

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
    """A stack on engines of its own, and its first account."""
    with folder() as state:
        stack = LocalStack(state)
        await stack.start()
        try:
            yield stack, await first_account(stack.url, stack.state)
        finally:
            await stack.stop()


async def call(client: httpx.AsyncClient, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Any:
    """The answer to a POST; raises for a refusal."""
    answer = await client.post(path, json=body, headers=headers)
    return answer.raise_for_status().json()


async def bearer(client: httpx.AsyncClient, account: Account) -> dict[str, str]:
    """The header of the account, signed in."""
    tokens = await call(client, "/api/auth/token/", {"email": account.email, "password": account.password})
    return {"Authorization": f"Bearer {tokens['access_token']}"}
