"""Which users a tenant has events of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class KnownUsersReader(Protocol):
    """Compares user ids with the stored events of a tenant."""

    async def count(self, tenant_id: int, user_ids: Sequence[str]) -> int | None:
        """Return how many of at most 1,000 users have events; None when it cannot be read now."""
        ...
