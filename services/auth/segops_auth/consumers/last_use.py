"""Writes the last use of API keys once a minute."""

from __future__ import annotations

from typing import Final

from segops_auth.service.last_use import LastUseBuffer
from segops_common.core.clock import Clock

INTERVAL_S: Final = 60.0


class LastUseWriter:
    """A timer in each API process."""

    def __init__(self, *, last_use: LastUseBuffer, clock: Clock) -> None:
        self._last_use = last_use
        self._clock = clock

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            await self._clock.sleep(INTERVAL_S)
            await self._last_use.flush()
