"""Metrics of accepted and refused events."""

from __future__ import annotations

from typing import Protocol


class IngestObserver(Protocol):
    """Counts events. Must neither block nor raise."""

    def received(self, *, accepted: int, duplicates: int, refused: int) -> None:
        """Count the events of one request. `duplicates` are included in `accepted`."""
        ...
