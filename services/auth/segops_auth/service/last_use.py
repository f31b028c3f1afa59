"""When each API key was last used: gathered in memory, and written now and then in one statement."""

from __future__ import annotations

import logging
from datetime import datetime

from segops_auth.ports.store import Store

_log = logging.getLogger(__name__)


class LastUseBuffer:
    """A look-up of a key costs no write."""

    def __init__(self, *, store: Store) -> None:
        self._store = store
        self._unwritten: dict[int, datetime] = {}

    def add(self, key_id: int, at: datetime) -> None:
        """The key was used."""
        self._unwritten[key_id] = at

    async def flush(self) -> None:
        """Write what was noted; it is kept for the next time when that fails."""
        noted, self._unwritten = self._unwritten, {}
        if not noted:
            return
        try:
            async with self._store.write() as unit:
                await unit.record_api_key_use(noted)
        # Whatever it is, it must not end the loop: nobody waits for this.
        except Exception:
            _log.warning("the last use of %d API keys could not be written", len(noted), exc_info=True)
            self._unwritten = noted | self._unwritten
