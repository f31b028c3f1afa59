"""The timers of an API process, on a manual clock."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from segops_auth.consumers import expired_tokens, last_use
from segops_auth.consumers.expired_tokens import ExpiredTokenRemover
from segops_auth.consumers.last_use import LastUseWriter
from segops_common.core.tasks import spawn
from segops_common.security.permissions import KeyKind
from tests.unit.auth.harness import START, MemoryAuth


async def asleep(memory: MemoryAuth) -> None:
    """Return when the timer waits for the clock."""
    async with asyncio.timeout(20):
        while memory.clock.sleepers == 0:
            await asyncio.sleep(0)


@asynccontextmanager
async def running(memory: MemoryAuth, timer: Awaitable[None]) -> AsyncIterator[None]:
    async def run() -> None:
        await timer

    task = spawn(run(), name="timer")
    try:
        await asleep(memory)
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_last_use_is_written_once_a_minute(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    key, secret = await memory.auth.api_keys.create(
        ada.tenant.id, ada.id, name="web", kind=KeyKind.SECRET, scopes=None, allowed_origins=()
    )

    async def last_used_at() -> object:
        async with memory.store.read() as unit:
            stored = await unit.api_key(ada.tenant.id, key.id)
        assert stored is not None
        return stored.last_used_at

    async with running(memory, LastUseWriter(last_use=memory.last_use, clock=memory.clock).run()):
        for minute in range(2):
            await memory.auth.api_keys.introspect(secret)
            memory.clock.advance(last_use.INTERVAL_S - 1)
            await asyncio.sleep(0)
            assert await last_used_at() == (None if minute == 0 else START)
            memory.clock.advance(1)
            await asleep(memory)
            assert await last_used_at() == START + minute * timedelta(minutes=1)


async def test_expired_tokens_are_deleted_every_hour_also_after_an_outage(
    memory: MemoryAuth, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    ada = await memory.sign_up()
    token_hash = memory.secrets.hash(ada.tokens.refresh_token)

    async def is_stored() -> bool:
        async with memory.store.write() as unit:
            return await unit.lock_refresh_token(token_hash) is not None

    memory.clock.advance(timedelta(days=30).total_seconds())
    async with running(memory, ExpiredTokenRemover(sessions=memory.auth.sessions, clock=memory.clock).run()):
        memory.store.reachable = False
        memory.clock.advance(expired_tokens.INTERVAL_S)
        await asleep(memory)
        memory.store.reachable = True
        assert await is_stored()
        assert "expired refresh tokens" in caplog.text
        memory.clock.advance(expired_tokens.INTERVAL_S)
        await asleep(memory)
        assert not await is_stored()
