"""The log of refusals in a dictionary."""

from __future__ import annotations

from collections.abc import Sequence

from segops_common.core.clock import Clock
from segops_ingest.ports.rejections import KEPT, MAX_ENTRIES, RejectionEntry, RejectionLogUnavailable


class MemoryRejectionLog:
    """Set `reachable` to False for an outage."""

    def __init__(self, *, clock: Clock) -> None:
        self.reachable = True
        self._clock = clock
        self._entries: dict[int, list[RejectionEntry]] = {}

    async def add(self, tenant_id: int, entries: Sequence[RejectionEntry]) -> None:
        """See `RejectionLog`."""
        self._check()
        self._entries.setdefault(tenant_id, []).extend(entries)

    async def entries(self, tenant_id: int) -> Sequence[RejectionEntry]:
        """See `RejectionLog`."""
        self._check()
        since = self._clock.now() - KEPT
        kept = [entry for entry in self._entries.get(tenant_id, ()) if entry.at >= since]
        return sorted(kept, key=lambda entry: (entry.at, entry.id), reverse=True)[:MAX_ENTRIES]

    def _check(self) -> None:
        if not self.reachable:
            raise RejectionLogUnavailable("unreachable")
