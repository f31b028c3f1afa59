"""How far ingestion has come."""

from __future__ import annotations

from typing import Protocol


class IngestWatermark(Protocol):
    """Knows which acknowledged events have reached the warehouse."""

    async def wait_until_ingested(self) -> None:
        """Return when every event acknowledged before the call is in the warehouse, or after a few seconds.

        Never raises: an event that is late counts in the next run.
        """
        ...
