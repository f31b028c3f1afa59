"""Joined calls: few are made, and none begins before the question it answers."""

import asyncio
import itertools

from segops_common.core.problems import NotFound
from segops_segments.service.call_coalescing import JoinedCalls


class Work:
    """Counts its calls; each lasts until it is let go."""

    def __init__(self) -> None:
        self.calls = 0
        self.gate = asyncio.Event()

    async def __call__(self) -> int:
        self.calls += 1
        number = self.calls
        await self.gate.wait()
        return number


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_callers_during_a_call_share_the_next() -> None:
    joined: JoinedCalls[int] = JoinedCalls()
    work = Work()
    first = [asyncio.ensure_future(joined.join("a", work)) for _ in range(3)]
    await settle()
    later = [asyncio.ensure_future(joined.join("a", work)) for _ in range(100)]
    await settle()
    assert work.calls == 1
    work.gate.set()
    assert await asyncio.gather(*first) == [1] * 3
    assert await asyncio.gather(*later) == [2] * 100
    assert await joined.join("a", work) == 3


async def test_other_keys_do_not_wait() -> None:
    joined: JoinedCalls[int] = JoinedCalls()
    slow, quick = Work(), Work()
    quick.gate.set()
    waiting = asyncio.ensure_future(joined.join("slow", slow))
    await settle()
    assert await joined.join("quick", quick) == 1
    slow.gate.set()
    assert await waiting == 1


async def test_a_caller_that_goes_away_takes_nothing_from_the_others() -> None:
    joined: JoinedCalls[int] = JoinedCalls()
    work = Work()
    leaving, staying = (asyncio.ensure_future(joined.join("a", work)) for _ in range(2))
    await settle()
    leaving.cancel()
    work.gate.set()
    assert await staying == 1
    assert work.calls == 1


async def test_a_refusal_is_everybodys_and_is_not_kept() -> None:
    joined: JoinedCalls[int] = JoinedCalls()
    numbers = itertools.count(1)

    async def refuse_first() -> int:
        if (number := next(numbers)) == 1:
            raise NotFound("There is no such segment.")
        return number

    outcomes = await asyncio.gather(*(joined.join("a", refuse_first) for _ in range(3)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [NotFound] * 3
    assert await joined.join("a", refuse_first) == 2
