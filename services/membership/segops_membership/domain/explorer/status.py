"""How the platform does, as an owner of a tenant sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

DELAY_WINDOW_S: Final = 3600
"""Delays are measured over the events stored in this time."""


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
