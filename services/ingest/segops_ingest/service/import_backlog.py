"""Refuses imports while many are on their way to the warehouse."""

from __future__ import annotations

from random import Random
from typing import Final

from segops_common.contracts.topics import EVENT_IMPORTS, IMPORT_SINK_GROUP
from segops_common.core.problems import Unavailable
from segops_common.streams.log import EventLog

MAX_RECORDS: Final = 240
"""Records of imports on their way, 12 for a usual request. The sink stores them in seconds."""
_RETRY_AFTER_S: Final = (1, 5)


class ImportBacklog:
    """Keeps the backlog short: runs wait for every event that was accepted before them, and the log may be in memory."""

    def __init__(self, *, log: EventLog, random: Random, max_records: int = MAX_RECORDS) -> None:
        self._log = log
        self._random = random
        self._max_records = max_records

    async def check(self) -> None:
        """Raise Unavailable (import-backlog) while too much is on its way. Raises LogUnavailable."""
        ends = await self._log.ends(EVENT_IMPORTS)
        positions = await self._log.positions(IMPORT_SINK_GROUP, EVENT_IMPORTS)
        if sum(end - positions.get(partition, 0) for partition, end in ends.items()) >= self._max_records:
            raise Unavailable(
                "The warehouse is still storing earlier imports. Nothing of this one was stored: send it again.",
                retry_after_s=self._random.randint(*_RETRY_AFTER_S),
                slug="import-backlog",
            )
