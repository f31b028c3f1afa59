"""Which event types and properties a tenant's events have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from segops_common.contracts.http import ObservedEvents


class ObservedEventsReader(Protocol):
    """Reads what the stored events of a tenant look like."""

    async def read(self, tenant_id: int, event_types: Sequence[str]) -> ObservedEvents | None:
        """Return all event types and the properties of the given ones; None when they cannot be read now."""
        ...
