"""The explorer, analytics and the status in memory."""

from __future__ import annotations

from segops_common.core.clock import Clock
from segops_common.streams.memory import MemoryEventLog
from segops_membership.adapters.memory.explorer.analytics import MemoryAnalytics
from segops_membership.adapters.memory.explorer.events import MemoryStoredEvents
from segops_membership.adapters.memory.explorer.segments import MemorySegmentSizes
from segops_membership.adapters.memory.explorer.status import (
    MemoryIngestProgress,
    MemoryRunCounter,
    MemoryServiceHealth,
    MemoryTenantActivity,
)
from segops_membership.adapters.memory.explorer.users import MemoryUserDirectory
from segops_membership.adapters.memory.identity.joins import MemoryJoinReader
from segops_membership.adapters.memory.publication_log import MemoryPublicationLog
from segops_membership.adapters.memory.run_results import MemoryRunResults
from segops_membership.adapters.memory.segment_definitions import MemorySegmentDefinitions
from segops_membership.adapters.memory.tenant_leases import MemoryTenantLeases
from segops_membership.adapters.memory.warehouse import MemoryWarehouse
from segops_membership.service.analysis.explain import Explain
from segops_membership.service.analytics.analytics import Analytics
from segops_membership.service.explorer.events import ExploreEvents
from segops_membership.service.explorer.explorer import Explorer
from segops_membership.service.explorer.live_events import LiveEvents
from segops_membership.service.explorer.users import ExploreUsers
from segops_membership.service.identity.persons import Persons
from segops_membership.service.status.status import ReadStatus


def explorer_in_memory(
    warehouse: MemoryWarehouse,
    results: MemoryRunResults,
    definitions: MemorySegmentDefinitions,
    publications: MemoryPublicationLog,
    explain: Explain,
    clock: Clock,
) -> Explorer:
    """Return the use cases of the explorer."""
    persons = Persons(reader=MemoryJoinReader(warehouse=warehouse))
    return Explorer(
        users=ExploreUsers(
            users=MemoryUserDirectory(warehouse=warehouse, results=results),
            definitions=definitions,
            publications=publications,
            sizes=MemorySegmentSizes(results=results),
            explain=explain,
            persons=persons,
            clock=clock,
        ),
        events=ExploreEvents(events=MemoryStoredEvents(warehouse=warehouse), persons=persons, clock=clock),
        live=LiveEvents(log=MemoryEventLog(clock=clock), clock=clock),
    )


def analytics_in_memory(
    warehouse: MemoryWarehouse,
    results: MemoryRunResults,
    definitions: MemorySegmentDefinitions,
    publications: MemoryPublicationLog,
    clock: Clock,
) -> Analytics:
    """Return the use cases of analytics."""
    return Analytics(
        reader=MemoryAnalytics(warehouse=warehouse, results=results),
        sizes=MemorySegmentSizes(results=results),
        results=results,
        definitions=definitions,
        publications=publications,
        clock=clock,
    )


def status_in_memory(
    warehouse: MemoryWarehouse, results: MemoryRunResults, leases: MemoryTenantLeases, clock: Clock
) -> ReadStatus:
    """Return the use case of the status."""
    return ReadStatus(
        health=MemoryServiceHealth({"auth.api": "ready"}),
        runs=MemoryRunCounter(),
        progress=MemoryIngestProgress(),
        activity=MemoryTenantActivity(warehouse=warehouse, results=results, leases=leases, clock=clock),
        clock=clock,
    )
