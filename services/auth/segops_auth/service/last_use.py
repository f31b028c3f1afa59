"""The last use of each API key, collected in memory and written in one transaction."""

from __future__ import annotations

import logging
from datetime import datetime

from segops_auth.ports.store import Store

_log = logging.getLogger(__name__)


class LastUseBuffer:
    """Collects uses, so that looking up a key does not write to the store."""

    def __init__(self, *, store: Store) -> None:
        self._store = store
        self._used_at: dict[int, datetime] = {}

    def add(self, key_id: int, at: datetime) -> None:
        """Remember that the key was used."""
        self._used_at[key_id] = at

    async def flush(self) -> None:
        """Write the collected uses. If this fails, they are kept for the next time. Never raises."""
        used_at, self._used_at = self._used_at, {}
        if not used_at:
            return
        try:
            async with self._store.write() as unit:
                await unit.record_api_key_use(used_at)
        # Caught in general: an error must not end the timer that calls this.
        except Exception:
            _log.warning(
                "the last use of %d API keys could not be written; will try again", len(used_at), exc_info=True
            )
            self._used_at = used_at | self._used_at
