"""Copies the events that are older than the table `events_by_profile` into it. It runs in the role `sink`.

An installation copies once, after the upgrade that made the table. Readers use `events` until all months are copied.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from segops_common.core.clock import Clock
from segops_common.core.faults import FaultPoints
from segops_common.core.tasks import spawn
from segops_ingest.ports.profile_history import CopyFailed, ProfileHistory

RETRY_S: Final = 5.0
_log = logging.getLogger(__name__)


class HistoryCopier:
    """Copies month after month, and notes each: a process that starts after a crash goes on with the next one.

    Each shard of the warehouse has a history of its own.
    """

    def __init__(self, *, histories: Sequence[ProfileHistory], faults: FaultPoints, clock: Clock) -> None:
        self._histories = histories
        self._faults = faults
        self._clock = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Copy until all is copied, then wait for `stop`. A copy that runs when it comes is cancelled."""
        copying = spawn(self._copy_with_retries(), name="copy history")
        stopping = spawn(stop.wait(), name="stop of the copy")
        await asyncio.wait({copying, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if copying.done():
            copying.result()
        copying.cancel()
        await stopping

    async def _copy_with_retries(self) -> None:
        while True:
            try:
                if await self.copy():
                    return
            except CopyFailed as error:
                _log.warning("the history of profiles cannot be copied now: %s", error)
            await self._clock.sleep(RETRY_S)

    async def copy(self) -> bool:
        """Copy what is left. Return whether all is copied; False while an insert may have missed the table.

        Raises CopyFailed.
        """
        return all([await self._copy_one(history) for history in self._histories])

    async def _copy_one(self, history: ProfileHistory) -> bool:
        if await history.is_complete():
            return True
        if not await history.is_settled():
            return False
        for month in await history.pending_months():
            await history.copy(month)
            self._faults.reach("after_copy")
            _log.info("copied the events of %s into the history of profiles", month)
        await history.note_complete()
        return True
