"""Rate limits by the generic cell rate algorithm (GCRA, ITU-T I.371, annex A).

A limit needs one stored number per subject: the time at which the next attempt would be evenly spaced. This module does the
arithmetic, and counts in memory. `stores/rate_limit.py` counts in Redis.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from segops_common.core.clock import Clock
from segops_common.core.problems import RateLimited

MAX_SUBJECTS: Final = 10_000
"""How many subjects a process remembers; beyond, it forgets the one with the oldest attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """Allows a burst of `quota` attempts, and `quota` attempts per `period_s` in the long run."""

    name: str
    quota: int
    period_s: int

    @property
    def interval_s(self) -> float:
        """Return the seconds after which one more attempt is allowed."""
        return self.period_s / self.quota

    @property
    def policy(self) -> str:
        """Return the limit as an item of `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10)."""
        return f'"{self.name}";q={self.quota};w={self.period_s}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What a credential and a tenant may use in a minute; 0 means without limit."""

    per_key: int
    per_tenant: int


@dataclass(frozen=True, slots=True)
class Charge:
    """What a request costs under a limit. A subject is a key, a tenant or an address."""

    limit: Limit
    subject: str
    cost: int = 1

    @property
    def units(self) -> int:
        """Return the cost, at most the quota: a request that costs more would never be allowed."""
        return min(self.cost, self.limit.quota)

    @property
    def key(self) -> tuple[str, str]:
        return self.limit.name, self.subject


@dataclass(frozen=True, slots=True)
class Standing:
    """What is left of a limit after a charge."""

    limit: Limit
    remaining: int

    @property
    def item(self) -> str:
        """Return it as an item of `RateLimit`: `t` is the number of seconds until the whole quota is back."""
        reset_s = math.ceil((self.limit.quota - self.remaining) * self.limit.interval_s)
        return f'"{self.limit.name}";r={self.remaining};t={reset_s}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether an attempt is allowed: the number to store, and the seconds to wait if it is refused."""

    next_s: float
    wait_s: float

    @property
    def allowed(self) -> bool:
        return self.wait_s <= 0


class Meter(Protocol):
    """Counts charges per limit and subject."""

    async def charge(self, charges: Sequence[Charge]) -> Sequence[Standing]:
        """Count all charges, in their order. Raises RateLimited if one exceeds its limit; then nothing is counted."""
        ...


class Throttle(Meter, Protocol):
    """Counts attempts, and takes some of them back."""

    async def consume(self, limit: Limit, subject: str) -> None:
        """Count one attempt. Raises RateLimited if the limit is exceeded; then nothing is counted."""
        ...

    async def refund(self, limit: Limit, subject: str) -> None:
        """Take back one counted attempt. Has no effect if none is counted."""
        ...


class MemoryThrottle:
    """Counts in this process."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._next_s: OrderedDict[tuple[str, str], float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._next_s)

    async def charge(self, charges: Sequence[Charge]) -> Sequence[Standing]:
        now_s = self._clock.monotonic()
        decisions = [consume(charge, self._next_s.get(charge.key), now_s) for charge in charges]
        for charge, decision in zip(charges, decisions, strict=True):
            if not decision.allowed:
                raise rate_limited(charge.limit, decision.wait_s)
        standings = []
        for charge, decision in zip(charges, decisions, strict=True):
            self._next_s[charge.key] = decision.next_s
            self._next_s.move_to_end(charge.key)
            standings.append(standing(charge.limit, decision.next_s - now_s))
        while len(self._next_s) > MAX_SUBJECTS:
            self._next_s.popitem(last=False)
        return standings

    async def consume(self, limit: Limit, subject: str) -> None:
        await self.charge([Charge(limit, subject)])

    async def refund(self, limit: Limit, subject: str) -> None:
        key = (limit.name, subject)
        if key in self._next_s:
            self._next_s[key] -= limit.interval_s


def consume(charge: Charge, next_s: float | None, now_s: float) -> Decision:
    """Decide on a charge at `now_s`. `next_s` is the number stored after the previous one."""
    limit = charge.limit
    even_s = max(now_s, next_s or 0.0)
    spaced_s = even_s + charge.units * limit.interval_s
    wait_s = spaced_s - now_s - limit.period_s
    # A sum of many intervals may exceed the period by a rounding error.
    if wait_s > 1e-6:
        return Decision(next_s=even_s, wait_s=wait_s)
    return Decision(next_s=spaced_s, wait_s=0.0)


def standing(limit: Limit, ahead_s: float) -> Standing:
    """Return what is left when the next evenly spaced attempt is `ahead_s` from now."""
    return Standing(limit, max(0, math.floor((limit.period_s - ahead_s) / limit.interval_s + 1e-6)))


def whole_seconds(wait_s: float) -> int:
    """Round up for Retry-After, to at least one second."""
    return max(1, math.ceil(wait_s))


def headers_of(standings: Iterable[Standing]) -> dict[str, str]:
    """Return the headers that tell a caller their limits and what is left."""
    return {
        "RateLimit-Policy": ", ".join(standing.limit.policy for standing in standings),
        "RateLimit": ", ".join(standing.item for standing in standings),
    }


def rate_limited(limit: Limit, wait_s: float) -> RateLimited:
    """Return the refusal of an attempt beyond the limit."""
    seconds = whole_seconds(wait_s)
    return RateLimited(
        f"The limit `{limit.name}` is reached: {limit.quota} in {limit.period_s} seconds. Retry after {seconds} seconds.",
        retry_after_s=seconds,
        headers={"RateLimit-Policy": limit.policy, "RateLimit": f'"{limit.name}";r=0;t={seconds}'},
    )
