"""How the platform does, for the owner of a tenant."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from segops_common.contracts.http import OpenRuns
from segops_common.contracts.jobs import IngestLag
from segops_common.core.clock import Clock
from segops_membership.domain.explorer.status import LastPublication, SchemaState, StorageDelay
from segops_membership.ports.explorer.status import (
    IngestProgress,
    RunCounter,
    ServiceHealth,
    ServiceState,
    TenantActivity,
)
from segops_membership.service.explorer.reading import reads_mapped


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformStatus:
    """The state at an instant. Fields with None are not known, or there is nothing yet."""

    at: datetime
    services: Mapping[str, ServiceState]
    schemas: Sequence[SchemaState]
    lag: IngestLag
    last_received_ms: int | None
    last_publication: LastPublication | None
    is_computing: bool
    delay: StorageDelay | None
    runs: OpenRuns | None

    @property
    def is_ok(self) -> bool:
        """Whether all processes are ready, the log answers, and no tables are older than the processes."""
        return (
            all(state == "ready" for state in self.services.values())
            and all(schema.status != "older" for schema in self.schemas)
            and self.lag.positions is not None
        )


class ReadStatus:
    """The use case of the status route."""

    def __init__(
        self,
        *,
        health: ServiceHealth,
        progress: IngestProgress,
        runs: RunCounter,
        activity: TenantActivity,
        clock: Clock,
    ) -> None:
        self._health = health
        self._progress = progress
        self._runs = runs
        self._activity = activity
        self._clock = clock

    async def read(self, tenant_id: int) -> PlatformStatus:
        """Return the status now. Raises Unavailable when the warehouse or PostgreSQL does not answer."""
        with reads_mapped():
            (services, schemas, lag, runs), (received_ms, delay, publication, is_computing) = await asyncio.gather(
                asyncio.gather(
                    self._health.states(),
                    self._health.schemas(),
                    self._progress.lag(),
                    self._runs.open_runs(tenant_id),
                ),
                asyncio.gather(
                    self._activity.last_received_ms(tenant_id),
                    self._activity.storage_delay(tenant_id),
                    self._activity.last_publication(tenant_id),
                    self._activity.is_computing(tenant_id),
                ),
            )
        return PlatformStatus(
            at=self._clock.now(),
            services=services,
            schemas=schemas,
            lag=lag,
            last_received_ms=received_ms,
            last_publication=publication,
            is_computing=is_computing,
            delay=delay,
            runs=runs,
        )
