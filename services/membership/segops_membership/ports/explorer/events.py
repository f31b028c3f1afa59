"""Reading stored events, the newest first, and what a tenant sends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from segops_membership.domain.explorer.records import EventFilter, EventPage, EventPosition, EventTypeSummary


class StoredEvents(Protocol):
    """Reads the events of a tenant, each once. Every method raises EngineUnavailable."""

    async def newest(self, tenant_id: int, events: EventFilter, before: EventPosition | None, limit: int) -> EventPage:
        """Return the newest events before a place in their order, descending."""
        ...

    async def event_types(self, tenant_id: int, now_ms: int, limit: int) -> Sequence[EventTypeSummary]:
        """Return the event types, the most frequent first. A repetition may count until it is merged."""
        ...
