"""Takes samples of two or more things in turn, so that both samples of a pair meet the same conditions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import perf_counter

Sample = Callable[[], Awaitable[float]]


async def in_turn(rounds: int, *samples: Sample) -> list[list[float]]:
    """Return `rounds` figures for each of the samples, in the order of `samples`."""
    # Warm up: the first figures are thrown away.
    for sample in samples:
        await sample()
    figures: list[list[float]] = [[] for _ in samples]
    for number in range(rounds):
        # Every second round runs backwards, so that a steady drift of the machine cancels out.
        order = range(len(samples)) if number % 2 == 0 else reversed(range(len(samples)))
        for index in order:
            figures[index].append(await samples[index]())
    return figures


async def milliseconds(work: Callable[[], Awaitable[object]]) -> float:
    """Return the wall time of the work in milliseconds."""
    began = perf_counter()
    await work()
    return (perf_counter() - began) * 1e3


async def per_second(count: int, work: Callable[[], Awaitable[object]]) -> float:
    """Return how many things per second `work` does if it does `count` in total."""
    return count / (await milliseconds(work)) * 1e3
