"""Which event types and properties a tenant's events have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

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
