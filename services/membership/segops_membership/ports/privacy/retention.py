"""Storage of retentions, and removal of events that are older."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from segops_language.lint.retention import Retention
from segops_membership.domain.privacy.retention import TenantRetention


class Retentions(Protocol):
    """Keeps the retention of each tenant. Methods raise EngineUnavailable."""

    async def find(self, tenant_id: int) -> TenantRetention:
        """Return the retention of a tenant; without an end unless one was stored."""
        ...

    async def store(self, tenant_id: int, retention: Retention, at: datetime) -> None:
        """Replace the days, and let them be applied at once. What was removed stays known."""
        ...

    async def take(self, limit: int, lease: timedelta) -> Sequence[TenantRetention]:
        """Return at most `limit` retentions that are due, and let no other worker take them for a while."""
        ...

    async def give_back(self, taken: Sequence[TenantRetention], after: timedelta) -> None:
        """Let retentions that were not applied be due after a while, or when they would be, if that is sooner."""
        ...

    async def mark_applied(
        self, taken: TenantRetention, removed: Mapping[str, int], at: datetime, again_after: timedelta
    ) -> None:
        """Add to the numbers of removed events by type. The retention is due later, or now if it was changed meanwhile."""
        ...


class ExpiredEvents(Protocol):
    """Removes events. Methods raise EngineUnavailable."""

    async def remove(self, retentions: Sequence[TenantRetention], now: datetime) -> Mapping[int, Mapping[str, int]]:
        """Remove events that are older than their retention, and return how many rows, by tenant and type.

        Returns when they are removed from the disk. Can be repeated.
        """
        ...
