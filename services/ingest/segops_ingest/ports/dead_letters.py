"""Dead letters: accepted events that the warehouse did not store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, Protocol

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


PendingCause = Literal["warehouse", "schema"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingFilter:
    """Selects letters that were not replayed. A letter with the cause `conflict` is never replayed, so it never is one."""

    event_type: str | None = None
    """The type of the event, None for every type."""
    cause: PendingCause | None = None
    """Why the event was not stored, None for every cause."""


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

    async def pending(
        self, tenant_id: int, pending: PendingFilter, *, before: tuple[int, str], limit: int
    ) -> Sequence[DeadLetter]:
        """Return letters that were not replayed, in descending order of (`at_ms`, `id`), only those before the position."""
        ...

    async def count_pending(self, tenant_id: int, pending: PendingFilter, *, before: tuple[int, str]) -> int:
        """Return how many letters `pending` would return without a limit."""
        ...

    async def mark_replayed(self, tenant_id: int, letters: Sequence[DeadLetter], at: datetime) -> None:
        """Store when the letters were replayed."""
        ...
