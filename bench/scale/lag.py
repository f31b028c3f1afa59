"""Simulates how far storage falls behind in a burst: events wait in their partitions, and each sink stores its own.

Rates are parts of what all sinks store together, so the figures hold for any speed of a sink. The same seed gives the
same figures.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

PARTITIONS: Final = 12
"""Of the topic `segops.events`."""
STEP_S: Final = 0.1
CAUGHT_UP_S: Final = 1.0
QUIET_S: Final = 30
USERS: Final = 100_000
SEED: Final = 1
_EPSILON: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Burst:
    """A steady `load`, as a part of what the sinks can store, which is `factor` times as high for some seconds."""

    load: float
    factor: float
    seconds: int


@dataclass(frozen=True, slots=True)
class Lag:
    """The largest age of an event that is not stored, and how long after the burst it is at most a second again.

    Both are infinite if even the steady load of a partition is more than its sink can store.
    """

    largest_s: float
    caught_up_s: float


BURSTS: Final = (
    Burst(0.3, 5, 60),
    Burst(0.3, 10, 60),
    Burst(0.5, 3, 60),
    Burst(0.5, 10, 60),
    Burst(0.5, 3, 600),
    Burst(0.8, 2, 60),
    Burst(0.8, 2, 600),
)


def even() -> list[float]:
    """Return the share of each partition when users are about equally active."""
    return [1 / PARTITIONS] * PARTITIONS


def skewed(users: int = USERS, seed: int = SEED) -> list[float]:
    """Return the shares when activity follows Zipf's law: the second user sends half as much as the first, and so on."""
    random = Random(seed)
    shares = [0.0] * PARTITIONS
    for rank in range(1, users + 1):
        shares[random.randrange(PARTITIONS)] += 1 / rank
    total = sum(shares)
    return [share / total for share in shares]


def simulate(burst: Burst, shares: Sequence[float], sinks: int = PARTITIONS) -> Lag:
    """Return how far `sinks` fall behind. Partition p belongs to sink p modulo `sinks`."""
    busiest = max(sum(shares[first::sinks]) for first in range(sinks))
    return _lag_of(burst.load * busiest, 1 / sinks, burst)


def _lag_of(steady: float, capacity: float, burst: Burst) -> Lag:
    """Return the lag of a sink, which stores events in the order of their arrival. The busiest one has the largest."""
    if steady >= capacity:
        return Lag(math.inf, math.inf)
    ends = round((QUIET_S + burst.seconds) / STEP_S)
    arrivals, stored, oldest, largest = [0.0], 0.0, 0, 0.0
    for step in itertools.count(1):
        in_burst = QUIET_S / STEP_S < step <= ends
        arrivals.append(arrivals[-1] + steady * STEP_S * (burst.factor if in_burst else 1))
        stored = min(arrivals[-1], stored + capacity * STEP_S)
        while oldest < step and arrivals[oldest] <= stored + _EPSILON:
            oldest += 1
        age = (step - oldest) * STEP_S
        largest = max(largest, age)
        if step >= ends and age <= CAUGHT_UP_S:
            return Lag(largest, (step - ends) * STEP_S)
    raise AssertionError("a sink that is faster than its events catches up")


def table() -> str:
    """Return the figures as Markdown."""
    uneven = skewed()
    lines = [
        "| load before | burst | even: largest lag | caught up after | uneven: largest lag | caught up after |",
        "|---|---|---|---|---|---|",
    ]
    for burst in BURSTS:
        cells = [text for shares in (even(), uneven) for text in _cells(simulate(burst, shares))]
        named = f"{burst.load:.0%} | {burst.factor:g}x for {burst.seconds} s"
        lines.append(f"| {named} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cells(lag: Lag) -> tuple[str, str]:
    return _text(lag.largest_s), _text(lag.caught_up_s)


def _text(seconds: float) -> str:
    return "grows" if math.isinf(seconds) else f"{seconds:,.0f} s"
