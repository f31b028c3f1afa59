"""What is remembered of auth's answers, and for how long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

from segops_common.security.introspection_cache import (
    MAX_FOUND,
    MAX_REFUSED,
    AuthDown,
    Found,
    KnownAnswers,
    Outcome,
    Refused,
)
from segops_testkit.clock import ManualClock


class Auth:
    """Gives a set answer, once the gate is open, and counts the questions."""

    def __init__(self, answer: Outcome[int]) -> None:
        self.answer = answer
        self.asked = 0
        self.gate = asyncio.Event()
        self.gate.set()

    def ask(self) -> Callable[[], Coroutine[Any, Any, Outcome[int]]]:
        async def ask() -> Outcome[int]:
            self.asked += 1
            answer = self.answer
            await self.gate.wait()
            return answer

        return ask


def new_answers() -> tuple[KnownAnswers[int], ManualClock]:
    clock = ManualClock(datetime(2026, 1, 31, tzinfo=UTC))
    return KnownAnswers(clock=clock), clock


async def test_an_answer_that_was_overtaken_by_a_change_is_not_kept() -> None:
    known, _ = new_answers()
    auth = Auth(Found(1))
    auth.gate.clear()
    asking = asyncio.gather(known.get("a", auth.ask()))
    await asyncio.sleep(0.01)
    known.forget(lambda value: value == 1)
    auth.answer = Refused()
    auth.gate.set()
    assert (await asking)[0] == Found(1), "it was asked before the change"
    assert await known.get("a", auth.ask()) == Refused()
    assert auth.asked == 2


async def test_nobody_joins_a_question_that_was_put_before_a_change() -> None:
    known, _ = new_answers()
    auth = Auth(Found(1))
    auth.gate.clear()
    before = asyncio.gather(known.get("a", auth.ask()))
    await asyncio.sleep(0.01)
    known.forget(lambda value: value == 1)
    auth.answer = Refused()
    after = asyncio.gather(known.get("a", auth.ask()))
    await asyncio.sleep(0.01)
    auth.gate.set()
    assert (await before)[0] == Found(1)
    assert (await after)[0] == Refused()
    assert await known.get("a", auth.ask()) == Refused(), "the later answer is the one that is kept"


async def test_only_what_has_changed_is_forgotten() -> None:
    known, _ = new_answers()
    for name, value in (("a", 1), ("b", 2)):
        await known.get(name, Auth(Found(value)).ask())
    known.forget(lambda value: value == 1)
    auth = Auth(Refused())
    assert await known.get("a", auth.ask()) == Refused()
    assert await known.get("b", auth.ask()) == Found(2)


async def test_what_is_doubted_is_asked_for_and_serves_only_while_auth_is_away() -> None:
    known, clock = new_answers()
    await known.get("a", Auth(Found(1)).ask())
    clock.advance(10)
    known.doubt_all()
    assert await known.get("a", Auth(AuthDown()).ask()) == Found(1)
    assert await known.get("a", Auth(Refused()).ask()) == Refused()
    assert await known.get("a", Auth(AuthDown()).ask()) == Refused()


async def test_doubts_do_not_make_an_answer_live_longer() -> None:
    known, clock = new_answers()
    await known.get("a", Auth(Found(1)).ask())
    clock.advance(200)
    known.doubt_all()
    clock.advance(129)
    assert await known.get("a", Auth(AuthDown()).ask()) == Found(1)
    clock.advance(1)
    assert await known.get("a", Auth(AuthDown()).ask()) == AuthDown()


async def test_the_memory_is_bounded_for_good_and_for_bad_ones_apart() -> None:
    known, _ = new_answers()
    for number in range(MAX_REFUSED + 1):
        await known.get(f"bad {number}", Auth(Refused()).ask())
    for number in range(MAX_FOUND + 1):
        await known.get(f"good {number}", Auth(Found(number)).ask())
    auth = Auth(AuthDown())
    assert await known.get("bad 0", auth.ask()) == AuthDown()
    assert await known.get("good 0", auth.ask()) == AuthDown()
    assert await known.get("bad 1", auth.ask()) == Refused()
    assert await known.get("good 1", auth.ask()) == Found(1)
    assert auth.asked == 2


async def test_a_question_that_fails_is_put_again() -> None:
    known, _ = new_answers()

    async def fail() -> Outcome[int]:
        raise ValueError("what auth says makes no sense")

    failed = await asyncio.gather(known.get("a", fail), return_exceptions=True)
    assert isinstance(failed[0], ValueError)
    assert await known.get("a", Auth(Found(1)).ask()) == Found(1)
