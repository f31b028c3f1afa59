"""Storage of erasures, and the queue of those that wait."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from datetime import datetime, timedelta
from typing import Protocol

from segops_membership.domain.privacy.erasure import Erasure, ErasurePhase


class ErasureTaken(Exception):
    """Another worker has taken the erasure, because this one was silent for too long."""


class Erasures(Protocol):
    """Keeps erasures. An attempt is the number of times that a worker took one. Methods raise EngineUnavailable."""

    async def add(self, tenant_id: int, erasure: Erasure, *, max_open: int) -> bool:
        """Store a pending erasure. Return False, without effect, if the tenant has `max_open` that have not ended."""
        ...

    async def add_unknown(self, erasure: Erasure) -> None:
        """Store a pending erasure, unless an erasure of the tenant has one of its subjects."""
        ...

    async def subjects(self, tenant_id: int) -> Set[str]:
        """Return the subjects of all erasures of the tenant."""
        ...

    async def mark_suppressed(self, tenant_id: int, erasure_id: str, at: datetime) -> None:
        """Record when its people were suppressed, unless that is recorded already."""
        ...

    async def find(self, tenant_id: int, erasure_id: str) -> Erasure | None:
        """Return an erasure of the tenant."""
        ...

    async def page(self, tenant_id: int, *, before: str | None, limit: int, offset: int = 0) -> Sequence[Erasure]:
        """Return at most `limit` erasures with an id less than `before`, newest first."""
        ...

    async def count(self, tenant_id: int) -> int:
        """Return the number of erasures of the tenant."""
        ...

    async def take(self, lease: timedelta) -> Sequence[Erasure]:
        """Take the oldest erasures of one tenant, at most MAX_TOGETHER with MAX_USERS ids, or one with more.

        They wait and are due, or their worker was silent for longer than its lease.
        """
        ...

    async def renew(
        self, tenant_id: int, erasure_id: str, attempt: int, phase: ErasurePhase | None, lease: timedelta
    ) -> None:
        """Store what the worker does, and extend the lease. Raises ErasureTaken."""
        ...

    async def save_before(self, tenant_id: int, erasure_id: str, attempt: int, before: Mapping[str, int]) -> None:
        """Store the numbers of rows at the beginning. Raises ErasureTaken."""
        ...

    async def extend(
        self, erasure: Erasure, user_ids: Sequence[str], subjects: Sequence[str], before: Mapping[str, int] | None
    ) -> Erasure:
        """Add ids to an erasure that was taken, and return it, not suppressed. Raises ErasureTaken."""
        ...

    async def put_back(self, tenant_id: int, erasure_id: str, attempt: int, delay: timedelta) -> None:
        """Let the next worker take the erasure after the delay. Raises ErasureTaken."""
        ...

    async def complete(
        self, tenant_id: int, erasure_id: str, attempt: int, after: Mapping[str, int], at: datetime
    ) -> None:
        """Store the receipt, and forget the ids of the people. Raises ErasureTaken."""
        ...
