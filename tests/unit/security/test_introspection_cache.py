"""What the introspection cache keeps, and for how long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

from segops_common.security.introspection_cache import (
    MAX_ACTIVE,
    MAX_REJECTED,
    Active,
    AuthDown,
    Introspection,
    IntrospectionCache,
    Rejected,
)
from segops_testkit.clock import ManualClock
from segops_testkit.polling import settled


class Auth:
    """Returns a fixed result once the gate is open, and counts requests."""

    def __init__(self, answer: Introspection[int]) -> None:
        self.answer = answer
        self.requests = 0
        self.gate = asyncio.Event()
        self.gate.set()

    def fetch(self) -> Callable[[], Coroutine[Any, Any, Introspection[int]]]:
        async def fetch() -> Introspection[int]:
            self.requests += 1
            answer = self.answer
            await self.gate.wait()
            return answer

        return fetch


def new_cache() -> tuple[IntrospectionCache[int], ManualClock]:
    clock = ManualClock(datetime(2026, 1, 31, tzinfo=UTC))
    return IntrospectionCache(clock=clock), clock


async def test_a_result_from_before_an_invalidation_is_not_stored() -> None:
    cache, _ = new_cache()
    auth = Auth(Active(1))
    auth.gate.clear()
    asking = asyncio.gather(cache.get("a", auth.fetch()))
    await settled()
    cache.invalidate(lambda value: value == 1)
    auth.answer = Rejected()
    auth.gate.set()
    assert (await asking)[0] == Active(1), "it was requested before the invalidation"
    assert await cache.get("a", auth.fetch()) == Rejected()
    assert auth.requests == 2


async def test_no_call_joins_a_request_from_before_an_invalidation() -> None:
    cache, _ = new_cache()
    auth = Auth(Active(1))
    auth.gate.clear()
    before = asyncio.gather(cache.get("a", auth.fetch()))
    await settled()
    cache.invalidate(lambda value: value == 1)
    auth.answer = Rejected()
    after = asyncio.gather(cache.get("a", auth.fetch()))
    await settled()
    auth.gate.set()
    assert (await before)[0] == Active(1)
    assert (await after)[0] == Rejected()
    assert await cache.get("a", auth.fetch()) == Rejected(), "the later result is stored"


async def test_only_matching_results_are_invalidated() -> None:
    cache, _ = new_cache()
    for name, value in (("a", 1), ("b", 2)):
        await cache.get(name, Auth(Active(value)).fetch())
    cache.invalidate(lambda value: value == 1)
    auth = Auth(Rejected())
    assert await cache.get("a", auth.fetch()) == Rejected()
    assert await cache.get("b", auth.fetch()) == Active(2)


async def test_expired_results_serve_only_while_auth_is_down() -> None:
    cache, clock = new_cache()
    await cache.get("a", Auth(Active(1)).fetch())
    clock.advance(10)
    cache.expire_all()
    assert await cache.get("a", Auth(AuthDown()).fetch()) == Active(1)
    assert await cache.get("a", Auth(Rejected()).fetch()) == Rejected()
    assert await cache.get("a", Auth(AuthDown()).fetch()) == Rejected()


async def test_expiring_does_not_prolong_a_result() -> None:
    cache, clock = new_cache()
    await cache.get("a", Auth(Active(1)).fetch())
    clock.advance(200)
    cache.expire_all()
    clock.advance(129)
    assert await cache.get("a", Auth(AuthDown()).fetch()) == Active(1)
    clock.advance(1)
    assert await cache.get("a", Auth(AuthDown()).fetch()) == AuthDown()


async def test_active_and_rejected_results_have_separate_limits() -> None:
    cache, _ = new_cache()
    for number in range(MAX_REJECTED + 1):
        await cache.get(f"bad {number}", Auth(Rejected()).fetch())
    for number in range(MAX_ACTIVE + 1):
        await cache.get(f"good {number}", Auth(Active(number)).fetch())
    auth = Auth(AuthDown())
    assert await cache.get("bad 0", auth.fetch()) == AuthDown()
    assert await cache.get("good 0", auth.fetch()) == AuthDown()
    assert await cache.get("bad 1", auth.fetch()) == Rejected()
    assert await cache.get("good 1", auth.fetch()) == Active(1)
    assert auth.requests == 2


async def test_a_failed_request_is_repeated() -> None:
    cache, _ = new_cache()

    async def fail() -> Introspection[int]:
        raise ValueError("unreadable response")

    failed = await asyncio.gather(cache.get("a", fail), return_exceptions=True)
    assert isinstance(failed[0], ValueError)
    assert await cache.get("a", Auth(Active(1)).fetch()) == Active(1)
