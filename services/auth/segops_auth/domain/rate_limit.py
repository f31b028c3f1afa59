"""The generic cell rate algorithm (GCRA, ITU-T I.371, annex A).

A limit needs one stored number per subject: the time at which the next attempt would be evenly spaced. Adapters store the
number; this module does the arithmetic.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from segops_common.core.problems import RateLimited


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether an attempt is allowed: the number to store, and the seconds to wait if it is refused."""

    next_s: float
    wait_s: float

    @property
    def allowed(self) -> bool:
        return self.wait_s <= 0


def consume(limit: Limit, next_s: float | None, now_s: float) -> Decision:
    """Decide on one attempt at `now_s`. `next_s` is the number stored after the previous attempt."""
    even_s = max(now_s, next_s or 0.0)
    wait_s = even_s + limit.interval_s - now_s - limit.period_s
    # A sum of many intervals may exceed the period by a rounding error.
    if wait_s > 1e-6:
        return Decision(next_s=even_s, wait_s=wait_s)
    return Decision(next_s=even_s + limit.interval_s, wait_s=0.0)


def whole_seconds(wait_s: float) -> int:
    """Round up for Retry-After, to at least one second."""
    return max(1, math.ceil(wait_s))


def rate_limited(limit: Limit, wait_s: float) -> RateLimited:
    """Return the refusal of an attempt beyond the limit."""
    seconds = whole_seconds(wait_s)
    return RateLimited(
        f"Too many attempts. Try again in {seconds} seconds.",
        retry_after_s=seconds,
        headers={
            "RateLimit-Policy": f'"{limit.name}";q={limit.quota};w={limit.period_s}',
            "RateLimit": f'"{limit.name}";r=0;t={seconds}',
        },
    )
