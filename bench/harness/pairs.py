"""Samples of two or more things taken in turn, so that each pair saw the same machine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import perf_counter

Sample = Callable[[], Awaitable[float]]


async def in_turn(rounds: int, *samples: Sample) -> list[list[float]]:
    """`rounds` figures of each, in the order of `samples`; every second round goes backwards, so that a drift cancels.

    Each is taken once before, unseen, to be warm.
    """
    for sample in samples:
        await sample()
    figures: list[list[float]] = [[] for _ in samples]
    for number in range(rounds):
        order = range(len(samples)) if number % 2 == 0 else reversed(range(len(samples)))
        for index in order:
            figures[index].append(await samples[index]())
    return figures


async def milliseconds(work: Callable[[], Awaitable[object]]) -> float:
    """How long the work takes by the clock on the wall."""
    began = perf_counter()
    await work()
    return (perf_counter() - began) * 1e3


async def per_second(count: int, work: Callable[[], Awaitable[object]]) -> float:
    """The rate at which `work` gets `count` things done."""
    return count / (await milliseconds(work)) * 1e3
