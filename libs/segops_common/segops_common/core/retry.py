"""Back-off with full jitter: each delay is uniform between 0 and an exponentially growing cap.

Source: "Exponential Backoff and Jitter", AWS Architecture Blog, 2015.
"""

from __future__ import annotations

import random
from collections.abc import Iterator


def full_jitter(*, base_s: float = 0.1, cap_s: float = 10.0, source: random.Random | None = None) -> Iterator[float]:
    """Yield delays in seconds, without end."""
    random_source = source or random.Random()
    ceiling = base_s
    while True:
        yield random_source.uniform(0.0, ceiling)
        ceiling = min(cap_s, ceiling * 2)
