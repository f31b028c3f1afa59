"""Rate limits of one process."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from segops_auth.domain.rate_limit import Limit, consume, rate_limited
from segops_common.core.clock import Clock

MAX_SUBJECTS: Final = 10_000


class MemoryThrottle:
    """Counts in a dictionary. Beyond MAX_SUBJECTS, the subject with the oldest attempt is forgotten."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._next_s: OrderedDict[tuple[str, str], float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._next_s)

    async def consume(self, limit: Limit, subject: str) -> None:
        key = (limit.name, subject)
        decision = consume(limit, self._next_s.get(key), self._clock.monotonic())
        self._next_s[key] = decision.next_s
        self._next_s.move_to_end(key)
        while len(self._next_s) > MAX_SUBJECTS:
            self._next_s.popitem(last=False)
        if not decision.allowed:
            raise rate_limited(limit, decision.wait_s)

    async def refund(self, limit: Limit, subject: str) -> None:
        key = (limit.name, subject)
        if key in self._next_s:
            self._next_s[key] -= limit.interval_s
