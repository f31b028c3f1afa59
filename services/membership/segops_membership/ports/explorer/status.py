"""Reading how the platform does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from segops_common.contracts.http import OpenRuns
from segops_common.contracts.jobs import IngestLag
from segops_membership.domain.explorer.status import LastPublication, SchemaState, StorageDelay

ServiceState = Literal["ready", "not-ready", "unreachable"]


class ServiceHealth(Protocol):
    """Asks the processes of the platform."""

    async def states(self) -> Mapping[str, ServiceState]:
        """Return the state of each process by name, ascending. Never raises."""
        ...

    async def schemas(self) -> Sequence[SchemaState]:
        """Return the state of each service's tables, ascending by service and store. Never raises.

        A service that does not answer is left out.
        """
        ...


class IngestProgress(Protocol):
    """Knows how far the warehouse is behind the log."""

    async def lag(self) -> IngestLag:
        """Return how far it is behind now; both numbers are None when the log does not answer. Never raises."""
        ...


class RunCounter(Protocol):
    """Asks the service of segments about runs."""

    async def open_runs(self, tenant_id: int) -> OpenRuns | None:
        """Return how many runs of the tenant have not ended; None when the service does not answer. Never raises."""
        ...


class TenantActivity(Protocol):
    """Reads what a tenant did last. Times are in milliseconds. Every method raises EngineUnavailable."""

    async def last_received_ms(self, tenant_id: int) -> int | None:
        """Return when the newest stored event was received; None without events."""
        ...

    async def storage_delay(self, tenant_id: int) -> StorageDelay | None:
        """Return how long the events that were stored in the last hour took; None when none was stored."""
        ...

    async def last_publication(self, tenant_id: int) -> LastPublication | None:
        """Return the newest visible publication; None when there is none."""
        ...

    async def is_computing(self, tenant_id: int) -> bool:
        """Return whether a process holds the tenant's lease: it computes a run, or numbers new profiles."""
        ...
