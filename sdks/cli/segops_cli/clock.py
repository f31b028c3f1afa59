"""The clocks of this machine. Everything else gets one as an argument."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], float]
"""Returns seconds: of the calendar since 1970, or since any fixed instant."""

calendar: Clock = time.time
stopwatch: Clock = time.monotonic
