"""Transactions over everything that the service stores."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from segops_segments.domain.backlog import Backlog
from segops_segments.domain.run import RunPart
from segops_segments.ports.outbox import OutboxWriter
from segops_segments.ports.references import ReferenceReader
from segops_segments.ports.runs import RunReader, RunWriter
from segops_segments.ports.segments import SegmentReader, SegmentWriter
from segops_segments.ports.versions import VersionReader, VersionWriter


class ReadUnit(SegmentReader, VersionReader, ReferenceReader, RunReader, Protocol):
    """A read-only transaction."""


class WriteUnit(ReadUnit, SegmentWriter, VersionWriter, RunWriter, OutboxWriter, Protocol):
    """A transaction of one tenant: committed when its block ends, undone when the block raises.

    Transactions of a tenant run one after the other.
    """


class Store(Protocol):
    """Begins transactions, and searches across tenants. Every method may raise `core.problems.Unavailable`."""

    def reading(self) -> AbstractAsyncContextManager[ReadUnit]:
        """Begin a read-only transaction."""
        ...

    def writing(self, tenant_id: int) -> AbstractAsyncContextManager[WriteUnit]:
        """Begin a transaction of the tenant, waiting for the one before it."""
        ...

    async def find_parts(self, keys: Collection[tuple[int, int]]) -> Sequence[RunPart]:
        """Return all parts of the runs with these keys (tenant, run); unknown keys are left out."""
        ...

    async def due_tenants(self, not_after: datetime, limit: int) -> Sequence[int]:
        """Return tenants with segments that are due by `domain.hourly.is_due`, each once."""
        ...

    async def incomplete_tenants(self, limit: int) -> Sequence[int]:
        """Return tenants with segments that are computed again by `domain.incomplete`, each once."""
        ...

    async def backlog(self, late_before: datetime) -> Backlog:
        """Return what waits over all tenants, and which hourly segments are stale by `domain.backlog.stale_cause`."""
        ...

    async def silent_runs(self, now: datetime, limit: int) -> Sequence[tuple[int, int]]:
        """Return (tenant, run) of runs that are silent at `now` and whose message was sent, the most overdue first."""
        ...
