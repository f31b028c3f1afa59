"""Named points at which a test may end the process; in production nothing happens there."""

from __future__ import annotations

from typing import Protocol


class FaultPoints(Protocol):
    """What is told of every named point as it is reached."""

    def reach(self, name: str) -> None:
        """Called when the point is reached; in a test it may never return."""
        ...


class _NoFaults:
    def reach(self, name: str) -> None:
        """Nothing happens."""


NO_FAULTS: FaultPoints = _NoFaults()
