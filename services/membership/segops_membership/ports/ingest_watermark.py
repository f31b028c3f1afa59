"""How far ingestion has come."""

from __future__ import annotations

from typing import Protocol

from segops_common.contracts.jobs import IngestLag


class IngestWatermark(Protocol):
    """Knows which acknowledged events have reached the warehouse."""

    async def wait_until_ingested(self) -> IngestLag | None:
        """Return None when every event acknowledged before the call is in the warehouse.

        Returns how far the warehouse is behind when that takes longer than the adapter waits. Never raises.
        """
        ...
