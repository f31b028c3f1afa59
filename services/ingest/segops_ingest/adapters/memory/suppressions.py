"""The list of suppressions in memory."""

from __future__ import annotations

from collections.abc import Sequence

from segops_ingest.ports.suppressions import SuppressionChange, SuppressionsUnavailable


class MemorySuppressionLog:
    """See the port `SuppressionLog`. Unless it is `reachable`, reading raises SuppressionsUnavailable."""

    def __init__(self) -> None:
        self._rows: dict[tuple[int, str], SuppressionChange] = {}
        self.reachable = True

    def write(self, change: SuppressionChange) -> None:
        """Add or replace a row."""
        self._rows[change.tenant_id, change.subject] = change

    async def since(self, changed_ms: int) -> Sequence[SuppressionChange]:
        """See the port."""
        if not self.reachable:
            raise SuppressionsUnavailable("the warehouse does not answer")
        return [row for row in self._rows.values() if row.changed_ms >= changed_ms]
