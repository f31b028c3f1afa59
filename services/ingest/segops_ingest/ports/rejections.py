"""The log of refusals: what the senders of events should correct."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

KEPT: Final = timedelta(days=7)
MAX_ENTRIES: Final = 1_000
"""Entries of one tenant. Older ones are dropped."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """What was refused and why, without any value of a payload. Equal ones are counted together.

    Texts are empty where there is nothing to say.
    """

    route: str
    status: int
    reason: str
    """The slug of the problem, or why the sender of an accepted request should look: EVENT_SKIPPED and the like."""
    code: str = ""
    path: str = ""
    """The field within the event, or within the request."""
    detail: str = ""
    event_type: str = ""
    """The event type whose schema the event violates."""
    key_id: int | None = None
    key_prefix: str = ""
    key_last_four: str = ""
    origin: str = ""
    user_agent: str = ""


@dataclass(frozen=True, slots=True)
class RejectionEntry:
    """A rejection, when it happened first, and how often until the entry was written."""

    id: str
    at: datetime
    count: int
    rejection: Rejection

    @property
    def position(self) -> int:
        """The time in microseconds since 1970."""
        return (self.at - _EPOCH) // timedelta(microseconds=1)


class RejectionLogUnavailable(Exception):
    """The log does not respond."""


class RejectionLog(Protocol):
    """Keeps the newest MAX_ENTRIES of each tenant for KEPT."""

    async def add(self, tenant_id: int, entries: Sequence[RejectionEntry]) -> None:
        """Add entries. Raises RejectionLogUnavailable."""
        ...

    async def entries(self, tenant_id: int) -> Sequence[RejectionEntry]:
        """Return all entries, in descending order of `at` and `id`. Raises RejectionLogUnavailable."""
        ...
