"""Ingestion that is complete unless a test says otherwise."""

from __future__ import annotations

from segops_common.contracts.jobs import IngestLag


class MemoryIngestWatermark:
    """See the port `IngestWatermark`. Events are in the memory warehouse at once, except for a given `lag`."""

    def __init__(self) -> None:
        self.lag: IngestLag | None = None
        self.waits = 0

    async def wait_until_ingested(self) -> IngestLag | None:
        """See the port. Returns at once."""
        self.waits += 1
        return self.lag
