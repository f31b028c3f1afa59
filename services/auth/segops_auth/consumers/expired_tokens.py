"""Deletes expired refresh tokens once an hour."""

from __future__ import annotations

import logging
from typing import Final

from segops_auth.service.sessions import Sessions
from segops_common.core.clock import Clock
from segops_common.core.problems import Unavailable

INTERVAL_S: Final = 3600.0
_log = logging.getLogger(__name__)


class ExpiredTokenRemover:
    """A timer in each API process. Several may run at the same time."""

    def __init__(self, *, sessions: Sessions, clock: Clock) -> None:
        self._sessions = sessions
        self._clock = clock

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            await self._clock.sleep(INTERVAL_S)
            try:
                await self._sessions.delete_expired()
            except Unavailable:
                _log.warning("expired refresh tokens could not be deleted; will try again in an hour")
