"""Reading what analytics counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from segops_membership.domain.publication import SegmentHead


class AnalyticsReader(Protocol):
    """Counts events and members of a tenant. Days are numbers since 1970. Every method raises EngineUnavailable."""

    async def distinct_members(self, tenant_id: int, heads: Mapping[int, SegmentHead]) -> int:
        """Return how many users are in at least one of the segments, as their heads say."""
        ...

    async def sizes_by_day(self, tenant_id: int, first_day: int) -> Mapping[int, Mapping[int, int]]:
        """Return, by segment and day, the size in the last published run as of that day.

        Of the time before `first_day` there is the last run only, under the day before it.
        """
        ...

    async def events_since(self, tenant_id: int, since_ms: int) -> int:
        """Return the number of events at or after an instant. A repetition may count until it is merged."""
        ...

    async def received_by_day(self, tenant_id: int, first_day: int) -> Mapping[int, int]:
        """Return the number of events received on each day since `first_day`. A repetition counts as above."""
        ...

    async def stored(self, tenant_id: int) -> tuple[int, int]:
        """Return the number of stored events and an estimate of their bytes on disk: their share of the tables."""
        ...
