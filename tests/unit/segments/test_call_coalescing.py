"""Coalesced calls: few calls are made, and each begins after the callers that share it."""

import asyncio
import itertools

from segops_common.core.problems import NotFound
from segops_segments.service.call_coalescing import CallCoalescer


class Work:
    """Counts its calls; each waits until the gate opens."""

    def __init__(self) -> None:
        self.calls = 0
        self.gate = asyncio.Event()

    async def __call__(self) -> int:
        self.calls += 1
        number = self.calls
        await self.gate.wait()
        return number


async def run_other_tasks() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_callers_during_a_call_share_the_next() -> None:
    calls: CallCoalescer[int] = CallCoalescer()
    work = Work()
    first = [asyncio.ensure_future(calls.run("a", work)) for _ in range(3)]
    await run_other_tasks()
    later = [asyncio.ensure_future(calls.run("a", work)) for _ in range(100)]
    await run_other_tasks()
    assert work.calls == 1
    work.gate.set()
    assert await asyncio.gather(*first) == [1] * 3
    assert await asyncio.gather(*later) == [2] * 100
    assert await calls.run("a", work) == 3


async def test_calls_with_other_keys_do_not_wait() -> None:
    calls: CallCoalescer[int] = CallCoalescer()
    slow, quick = Work(), Work()
    quick.gate.set()
    waiting = asyncio.ensure_future(calls.run("slow", slow))
    await run_other_tasks()
    assert await calls.run("quick", quick) == 1
    slow.gate.set()
    assert await waiting == 1


async def test_a_cancelled_caller_does_not_affect_the_others() -> None:
    calls: CallCoalescer[int] = CallCoalescer()
    work = Work()
    leaving, staying = (asyncio.ensure_future(calls.run("a", work)) for _ in range(2))
    await run_other_tasks()
    leaving.cancel()
    work.gate.set()
    assert await staying == 1
    assert work.calls == 1


async def test_a_problem_is_raised_to_all_callers_and_not_cached() -> None:
    calls: CallCoalescer[int] = CallCoalescer()
    numbers = itertools.count(1)

    async def refuse_first() -> int:
        if (number := next(numbers)) == 1:
            raise NotFound("There is no such segment.")
        return number

    outcomes = await asyncio.gather(*(calls.run("a", refuse_first) for _ in range(3)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [NotFound] * 3
    assert await calls.run("a", refuse_first) == 2
