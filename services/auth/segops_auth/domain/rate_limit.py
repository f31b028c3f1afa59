"""The generic cell rate algorithm: a limit as one number, the time at which the next act would be in rhythm.

ITU-T I.371, annex A. Adapters keep the number; this is the arithmetic.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """At most `quota` acts at once, and as many again in each `period_s`."""

    name: str
    quota: int
    period_s: int

    @property
    def interval_s(self) -> float:
        """Seconds in which one act becomes possible again."""
        return self.period_s / self.quota


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Whether one more act is allowed, and the number to keep; when it is not, the seconds to wait."""

    next_s: float
    wait_s: float

    @property
    def allowed(self) -> bool:
        return self.wait_s <= 0


def consume(limit: Limit, next_s: float | None, now_s: float) -> Decision:
    """Judge one act at `now_s`, when `next_s` was kept after the last one."""
    in_rhythm_s = max(now_s, next_s or 0.0)
    wait_s = in_rhythm_s + limit.interval_s - now_s - limit.period_s
    # The sum of many intervals is a rounding error above the period.
    if wait_s > 1e-6:
        return Decision(next_s=in_rhythm_s, wait_s=wait_s)
    return Decision(next_s=in_rhythm_s + limit.interval_s, wait_s=0.0)


def whole_seconds(wait_s: float) -> int:
    """For Retry-After: never too early."""
    return max(1, math.ceil(wait_s))
