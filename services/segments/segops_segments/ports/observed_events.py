"""Which event types and properties a tenant's events have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from segops_common.contracts.http import ObservedEvents
from segops_language.lint.values import Property


class ObservedEventsReader(Protocol):
    """Reads what the stored events of a tenant look like."""

    async def read(
        self, tenant_id: int, event_types: Sequence[str], values: Sequence[Property]
    ) -> ObservedEvents | None:
        """Return all event types, the properties of the given ones, and counts of the values of some properties.

        None when they cannot be read now. At most MAX_PROPERTIES values.
        """
        ...

    async def recent_payloads(self, tenant_id: int, event_type: str) -> Sequence[dict[str, Any]] | None:
        """Return the payloads of the newest events of a type, at most MAX_RECENT_EVENTS. None when they cannot be read now."""
        ...
