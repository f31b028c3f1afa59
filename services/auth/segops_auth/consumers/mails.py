"""Sends mails that were ordered, every two seconds."""

from __future__ import annotations

import logging
from typing import Final

from segops_auth.service.mail.sender import MailSender
from segops_common.core.clock import Clock

INTERVAL_S: Final = 2.0
_log = logging.getLogger(__name__)


class MailTimer:
    """A timer in each API process. Several may run at the same time: each mail is taken by one."""

    def __init__(self, *, sender: MailSender, clock: Clock) -> None:
        self._sender = sender
        self._clock = clock

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            await self._clock.sleep(INTERVAL_S)
            await self.send()

    async def send(self) -> None:
        """Send everything that is due. Never raises."""
        try:
            while await self._sender.send_due():
                pass
        # Caught in general: an error must not end the timer.
        except Exception:
            _log.warning("mails could not be sent; will try again in %d s", INTERVAL_S, exc_info=True)
