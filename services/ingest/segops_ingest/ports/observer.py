"""Metrics of accepted and refused events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Numbers of events of one request. `accepted` includes all others but `refused`, which includes `schema_refused`."""

    accepted: int = 0
    duplicates: int = 0
    conflicting: int = 0
    future: int = 0
    wide: int = 0
    refused: int = 0
    quarantined: int = 0
    schema_warned: int = 0
    schema_refused: int = 0


class IngestObserver(Protocol):
    """Counts events. Must neither block nor raise."""

    def received(self, outcome: Outcome) -> None:
        """Count the events of one request."""
        ...

    def not_remembered(self, events: int) -> None:
        """Count the events of a request that was refused because the memory did not answer."""
        ...
