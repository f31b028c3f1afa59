"""The last use of API keys: collected in memory, written in one transaction."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from segops_auth.domain.values import ApiKey
from segops_common.core.pagination import PageQuery
from segops_common.security.permissions import KeyKind
from tests.unit.auth.harness import START, MemoryAuth, User


async def key_of(memory: MemoryAuth, owner: User) -> tuple[ApiKey, str]:
    return await memory.auth.api_keys.create(
        owner.tenant.id, owner.id, name="web", kind=KeyKind.SECRET, scopes=None, allowed_origins=()
    )


async def last_uses(memory: MemoryAuth, owner: User) -> list[object]:
    page = await memory.auth.api_keys.list_active(owner.tenant.id, owner.id, PageQuery(limit=10))
    return [key.last_used_at for key in page.results]


async def test_a_use_is_stored_with_the_next_flush(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    _, used = await key_of(memory, ada)
    await key_of(memory, ada)
    memory.clock.advance(5)
    await memory.auth.api_keys.introspect(used)
    assert await last_uses(memory, ada) == [None, None]
    await memory.last_use.flush()
    assert await last_uses(memory, ada) == [START + timedelta(seconds=5), None]


async def test_the_latest_of_several_uses_is_stored(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    _, used = await key_of(memory, ada)
    for _ in range(3):
        memory.clock.advance(1)
        await memory.auth.api_keys.introspect(used)
    await memory.last_use.flush()
    assert await last_uses(memory, ada) == [START + timedelta(seconds=3)]


async def test_a_failed_flush_is_repeated_with_later_uses(memory: MemoryAuth, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    ada = await memory.sign_up()
    (first, _), (second, _) = await key_of(memory, ada), await key_of(memory, ada)
    memory.last_use.add(first.id, START)
    memory.last_use.add(second.id, START)
    memory.store.reachable = False
    await memory.last_use.flush()
    assert "2 API keys" in caplog.text
    memory.store.reachable = True
    later = START + timedelta(seconds=9)
    memory.last_use.add(second.id, later)
    await memory.last_use.flush()
    assert await last_uses(memory, ada) == [START, later]


async def test_without_uses_nothing_is_written(memory: MemoryAuth) -> None:
    memory.store.reachable = False
    await memory.last_use.flush()


async def test_uses_are_written_once(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    key, secret = await key_of(memory, ada)
    await memory.auth.api_keys.introspect(secret)
    await memory.last_use.flush()
    memory.store.reachable = False
    await memory.last_use.flush()
    memory.store.reachable = True
    assert await last_uses(memory, ada) == [START]
    assert key.last_used_at is None
