"""The events in the order of profiles, and what of them has been copied from the events that are older than that table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class CopyFailed(Exception):
    """The warehouse did not copy the month. It may have copied a part of it: copying it again is safe."""


class ProfileHistory(Protocol):
    """Copies events a month at a time. Months are given as text, such as `202605`."""

    async def is_complete(self) -> bool:
        """Return whether nothing is left to copy. Once that is so, it stays so. Raises CopyFailed."""
        ...

    async def is_settled(self) -> bool:
        """Return whether every insert that may have missed the table has ended. Raises CopyFailed."""
        ...

    async def pending_months(self) -> Sequence[str]:
        """Return the months that have events and are not noted as copied, newest first. Raises CopyFailed."""
        ...

    async def copy(self, month: str) -> None:
        """Copy a month and note it. Raises CopyFailed, also while another process copies this month."""
        ...

    async def note_complete(self) -> None:
        """Note that every month has been copied. Raises CopyFailed."""
        ...
