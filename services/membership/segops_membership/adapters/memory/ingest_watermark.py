"""Ingestion that is complete unless a test says otherwise."""

from __future__ import annotations

from collections.abc import Callable

from segops_common.contracts.jobs import IngestLag


class MemoryIngestWatermark:
    """See the port `IngestWatermark`. Events are in the memory warehouse at once, except for a given `lag`.

    `on_wait` is called at each wait: what it stores was on its way.
    """

    def __init__(self) -> None:
        self.lag: IngestLag | None = None
        self.waits = 0
        self.on_wait: Callable[[], None] | None = None

    async def wait_until_ingested(self) -> IngestLag | None:
        """See the port. Returns at once."""
        self.waits += 1
        if self.on_wait is not None:
            self.on_wait()
        return self.lag
