"""The memory of deliveries, by which a retry gets what the first attempt got."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

REMEMBERED: Final = timedelta(days=7)
"""How long a sender may retry."""
COMPARED: Final = timedelta(days=1)
"""How long the contents and times are known of events that may be accepted without the memory."""


class MemoryUnavailable(Exception):
    """The memory did not answer. It may have remembered, which is harmless: the first attempt stays the first."""


@dataclass(frozen=True, slots=True)
class Note:
    """What an attempt says about `key`: a time in the warehouse's text form, and a digest of the content.

    What is `required` is kept for REMEMBERED, the rest for COMPARED.
    """

    key: str
    time: str
    content: str
    required: bool = True
    message_id: str = ""


@dataclass(frozen=True, slots=True)
class FirstNote:
    """What the first attempt said. `content` is '' if it is not known."""

    time: str
    content: str


class EventMemory(Protocol):
    """Remembers the first note of each key. Of concurrent attempts, one is the first, for all of them."""

    async def first(self, tenant_id: int, notes: Sequence[Note]) -> Sequence[FirstNote | None]:
        """Return the first note of each key, None where it is this one. Keys must be distinct.

        Raises MemoryUnavailable, soon if no note is required.
        """
        ...
