"""Dead letters: accepted events that the warehouse did not store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

NEWEST: Final = (2**63 - 1, "")
"""The position before the newest letter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """An event that was not stored. `code` is the warehouse's, or CONFLICTING."""

    id: str
    """32 hexadecimal digits, made from the place of the event in the log."""
    at_ms: int
    code: int
    reason: str
    message_id: str
    line: bytes
    """The event row as it is in the log."""
    topic: str
    """The topic of the record; empty for letters that were stored before topics were."""
    source_partition: int
    source_offset: int
    replayed_at: datetime | None = None


class DeadLettersUnavailable(Exception):
    """The warehouse does not respond."""


class DeadLetters(Protocol):
    """Reads dead letters, and marks them as replayed. Every method raises DeadLettersUnavailable."""

    async def page(self, tenant_id: int, *, before: tuple[int, str], limit: int, offset: int) -> Sequence[DeadLetter]:
        """Return letters in descending order of (`at_ms`, `id`), only those before the position."""
        ...

    async def letter(self, tenant_id: int, letter_id: str) -> DeadLetter | None:
        """Return one letter."""
        ...

    async def mark_replayed(self, tenant_id: int, letter: DeadLetter, at: datetime) -> None:
        """Store when the letter was replayed."""
        ...
