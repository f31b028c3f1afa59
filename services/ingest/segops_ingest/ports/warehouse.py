"""The warehouse, where events are stored for queries."""

from __future__ import annotations

from typing import Protocol


class InsertRefused(Exception):
    """The warehouse does not accept the data. Sending it again cannot help."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"code {code}: {reason}")
        self.code = code
        self.reason = reason


class InsertFailed(Exception):
    """The warehouse did not confirm the insert. The rows may be stored: repeat it with the same bytes and token only."""


class InsertTooHeavy(InsertFailed):
    """The insert needed more time, memory or files than the warehouse gives, and it runs no more. A smaller one may succeed."""


class EventWarehouse(Protocol):
    """Stores events. Two inserts with the same token never run at the same time."""

    async def insert(self, rows: bytes, token: str) -> None:
        """Store NDJSON rows once per token: all or none. Raises InsertRefused or InsertFailed, within 20 s."""
        ...

    async def insert_dead(self, rows: bytes, token: str) -> None:
        """Store rows of `dead_letters` once per token. Raises InsertFailed, within 20 s."""
        ...
