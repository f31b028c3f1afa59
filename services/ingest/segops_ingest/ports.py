"""What the use cases need from outside, besides the event log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


class FirstSeenTimestamps(Protocol):
    """The instant at which a message id was first seen, for messages that carry none themselves."""

    async def first_seen(self, tenant_id: int, message_ids: Sequence[str], now: str) -> Mapping[str, str]:
        """Stamp the ids nobody has stamped yet with `now`; return the older stamps of the others.

        Instants are warehouse text; a stamp is kept for 7 days. Never fails and answers in milliseconds: when the memory
        is away nothing is known, so a retry may be stored a second time, which is counted in the metrics.
        """
        ...


class IngestObserver(Protocol):
    """Told what became of the events of a request, for metrics; must not block or raise."""

    def received(self, *, accepted: int, duplicates: int, refused: int) -> None:
        """The outcome of one request; `duplicates` are among the accepted."""
        ...


class InsertRefused(Exception):
    """The warehouse refuses the data themselves; sending them again cannot help."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"code {code}: {reason}")
        self.code = code
        self.reason = reason


class InsertFailed(Exception):
    """The warehouse did not confirm; the rows may be there, so only the same bytes with the same token may be sent."""


class EventWarehouse(Protocol):
    """Where events end up."""

    async def insert(self, rows: bytes, token: str) -> None:
        """Store NDJSON rows once per token, all or none. Raises InsertRefused or InsertFailed, within 10 s."""
        ...

    async def insert_dead(self, rows: bytes, token: str) -> None:
        """Store rows of dead letters once per token. Raises InsertFailed, within 10 s."""
        ...
