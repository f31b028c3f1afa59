"""Whose events are not stored: people who were erased."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressionChange:
    """A row of the table `suppressions`; see `segops_common.contracts.warehouse`. Times are in milliseconds."""

    tenant_id: int
    subject: str
    state: str
    at_ms: int
    key_id: str
    changed_ms: int


class SuppressionsUnavailable(Exception):
    """The list cannot be read, or this process has not the key that its hashes were made with."""


class SuppressionLog(Protocol):
    """Reads the list of suppressions."""

    async def since(self, changed_ms: int) -> Sequence[SuppressionChange]:
        """Return the present rows that were written at or after a time. Raises SuppressionsUnavailable."""
        ...
