"""How the platform does, as an owner of a tenant sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

DELAY_WINDOW_S: Final = 3600
"""Delays are measured over the events stored in this time."""


SchemaStatus = Literal["current", "older", "newer", "unknown"]


@dataclass(frozen=True, slots=True)
class SchemaState:
    """The tables of a service in a store: the last migration that ran, if it is known, and the last that the process has."""

    service: str
    store: str
    applied: int | None
    expected: int

    @property
    def status(self) -> SchemaStatus:
        """How the tables compare with what the process expects. While a deploy goes on, they may be newer."""
        if self.applied is None:
            return "unknown"
        if self.applied == self.expected:
            return "current"
        return "older" if self.applied < self.expected else "newer"


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageDelay:
    """How long the events of a tenant took from receipt to storage: their number, and percentiles in seconds."""

    events: int
    p50_s: float
    p95_s: float
    p99_s: float


@dataclass(frozen=True, slots=True)
class LastPublication:
    """The newest publication of a tenant: its run, the instant of its members, and when it was made."""

    run_id: int
    as_of_ms: int
    at_ms: int
