"""How the platform does, in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from segops_common.contracts.http import OpenRuns
from segops_common.contracts.jobs import IngestLag
from segops_common.core.clock import Clock
from segops_language.values.instants import to_ms
from segops_membership.adapters.memory.run_results import MemoryRunResults
from segops_membership.adapters.memory.tenant_leases import MemoryTenantLeases
from segops_membership.adapters.memory.warehouse import MemoryWarehouse
from segops_membership.domain.explorer.status import LastPublication, SchemaState, StorageDelay
from segops_membership.ports.explorer.status import ServiceState


class MemoryServiceHealth:
    """See the port `ServiceHealth`."""

    def __init__(self, states: Mapping[str, ServiceState], schemas: Sequence[SchemaState] = ()) -> None:
        self._states = dict(sorted(states.items()))
        self._schemas = schemas

    async def states(self) -> Mapping[str, ServiceState]:
        """See the port."""
        return self._states

    async def schemas(self) -> Sequence[SchemaState]:
        """See the port."""
        return self._schemas


class MemoryIngestProgress:
    """See the port `IngestProgress`."""

    def __init__(self) -> None:
        self.behind = IngestLag(positions=0, seconds=0.0)

    async def lag(self) -> IngestLag:
        """See the port."""
        return self.behind


class MemoryRunCounter:
    """See the port `RunCounter`. Set `runs` to None for an outage."""

    def __init__(self) -> None:
        self.runs: OpenRuns | None = OpenRuns(queued=0, running=0)

    async def open_runs(self, tenant_id: int) -> OpenRuns | None:  # noqa: ARG002 the same for all tenants
        """See the port."""
        return self.runs


class MemoryTenantActivity:
    """See the port `TenantActivity`. Events are received at their own time, and stored when they are read."""

    def __init__(
        self, *, warehouse: MemoryWarehouse, results: MemoryRunResults, leases: MemoryTenantLeases, clock: Clock
    ) -> None:
        self._warehouse = warehouse
        self._results = results
        self._leases = leases
        self._clock = clock

    async def last_received_ms(self, tenant_id: int) -> int | None:
        """See the port."""
        return max(self._received(tenant_id), default=None)

    async def storage_delay(self, tenant_id: int) -> StorageDelay | None:
        """See the port."""
        now_ms = to_ms(self._clock.now())
        delays = sorted(max(0, now_ms - received_ms) / 1000 for received_ms in self._received(tenant_id))
        if not delays:
            return None
        p50, p95, p99 = (delays[int(share * (len(delays) - 1))] for share in (0.5, 0.95, 0.99))
        return StorageDelay(events=len(delays), p50_s=p50, p95_s=p95, p99_s=p99)

    def _received(self, tenant_id: int) -> list[int]:
        events = self._warehouse.tenant(tenant_id).events.values()
        return [event.timestamp_ms for own in events for event in own.values()]

    async def last_publication(self, tenant_id: int) -> LastPublication | None:
        """See the port."""
        own = [publication for (tenant, _), publication in self._results.visible.items() if tenant == tenant_id]
        if not own:
            return None
        last = max(own, key=lambda publication: publication.number)
        return LastPublication(last.attempt.run_id, last.as_of_ms, to_ms(last.at))

    async def is_computing(self, tenant_id: int) -> bool:
        """See the port."""
        return self._leases.is_held(tenant_id)
