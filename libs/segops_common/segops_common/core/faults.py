"""Named points at which a test may end the process. In production they have no effect."""

from __future__ import annotations

from typing import Protocol


class FaultPoints(Protocol):
    """Is called at every named point."""

    def reach(self, name: str) -> None:
        """Pass the named point. In a test this may never return."""
        ...


class _NoFaults:
    def reach(self, name: str) -> None:
        """Do nothing."""


NO_FAULTS: FaultPoints = _NoFaults()
