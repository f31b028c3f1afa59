"""No port of membership is without a memory adapter, and no memory adapter lacks a method of its port."""

from __future__ import annotations

import pytest

import segops_membership.adapters.memory
import segops_membership.ports
import segops_membership.ports.activations
import segops_membership.ports.explorer
import segops_membership.ports.identity
import segops_membership.ports.members
import segops_membership.ports.privacy
from segops_membership.adapters.memory.activations.consents import MemoryConsents
from segops_membership.adapters.memory.activations.sender import MemorySender
from segops_membership.adapters.memory.activations.store import MemoryActivations
from segops_membership.adapters.memory.evaluation import MemoryEvaluation
from segops_membership.adapters.memory.events import MemoryObservedEvents, MemoryProfileEvents, MemoryUnstoredEvents
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
from segops_membership.adapters.memory.identity.merges import (
    MemoryMergeProjection,
    MemoryMergeStore,
)
from segops_membership.adapters.memory.ingest_watermark import MemoryIngestWatermark
from segops_membership.adapters.memory.members.changes import MemoryChangeHistory
from segops_membership.adapters.memory.members.exports import MemoryExportFiles, MemoryExports
from segops_membership.adapters.memory.members.sets import MemoryMemberSets
from segops_membership.adapters.memory.membership import MemoryMembershipCache, MemoryMembershipReader
from segops_membership.adapters.memory.privacy.erasures import MemoryErasures
from segops_membership.adapters.memory.privacy.exits import MemoryErasedExits
from segops_membership.adapters.memory.privacy.responses import MemoryKeptResponses
from segops_membership.adapters.memory.privacy.retention import MemoryExpiredEvents, MemoryRetentions
from segops_membership.adapters.memory.privacy.stores import MemoryPersonRecords, MemoryPersonStores
from segops_membership.adapters.memory.privacy.suppressions import MemorySuppressions
from segops_membership.adapters.memory.profiles import MemoryProfileNumberSequence, MemoryProfiles
from segops_membership.adapters.memory.publication_log import MemoryPublicationLog
from segops_membership.adapters.memory.reporter import MemoryReporter
from segops_membership.adapters.memory.run_results import MemoryRunResults
from segops_membership.adapters.memory.segment_definitions import MemorySegmentDefinitions
from segops_membership.adapters.memory.static_lists import MemoryStaticLists
from segops_membership.adapters.memory.tenant_leases import MemoryTenantLeases
from segops_membership.service.identity.projection import ProjectedMerges
from tests.contract.port_coverage import ports_in

ADAPTERS: dict[str, type] = {
    "AnalyticsReader": MemoryAnalytics,
    "ExpiredEvents": MemoryExpiredEvents,
    "Retentions": MemoryRetentions,
    "ErasedExits": MemoryErasedExits,
    "Erasures": MemoryErasures,
    "KeptResponses": MemoryKeptResponses,
    "PersonRecords": MemoryPersonRecords,
    "PersonStores": MemoryPersonStores,
    "Suppressions": MemorySuppressions,
    "IngestProgress": MemoryIngestProgress,
    "RunCounter": MemoryRunCounter,
    "ServiceHealth": MemoryServiceHealth,
    "TenantActivity": MemoryTenantActivity,
    "IdentityMerges": ProjectedMerges,
    "MergeProjection": MemoryMergeProjection,
    "MergeStore": MemoryMergeStore,
    "Activations": MemoryActivations,
    "Consents": MemoryConsents,
    "Sender": MemorySender,
    "ChangeHistory": MemoryChangeHistory,
    "Evaluation": MemoryEvaluation,
    "ExportFiles": MemoryExportFiles,
    "Exports": MemoryExports,
    "IngestWatermark": MemoryIngestWatermark,
    "MemberSets": MemoryMemberSets,
    "JoinReader": MemoryJoinReader,
    "MembershipCache": MemoryMembershipCache,
    "MembershipReader": MemoryMembershipReader,
    "ObservedEventsReader": MemoryObservedEvents,
    "ProfileEvents": MemoryProfileEvents,
    "ProfileNumberSequence": MemoryProfileNumberSequence,
    "Profiles": MemoryProfiles,
    "PublicationLog": MemoryPublicationLog,
    "PublicationSignal": MemoryMembershipCache,
    "Reporter": MemoryReporter,
    "RunResults": MemoryRunResults,
    "SegmentSizes": MemorySegmentSizes,
    "SegmentDefinitions": MemorySegmentDefinitions,
    "StaticLists": MemoryStaticLists,
    "StoredEvents": MemoryStoredEvents,
    "TenantLeases": MemoryTenantLeases,
    "UnstoredEvents": MemoryUnstoredEvents,
    "UserDirectory": MemoryUserDirectory,
}
PORTS = {
    **ports_in(segops_membership.ports),
    **ports_in(segops_membership.ports.activations),
    **ports_in(segops_membership.ports.explorer),
    **ports_in(segops_membership.ports.identity),
    **ports_in(segops_membership.ports.members),
    **ports_in(segops_membership.ports.privacy),
}


def test_every_port_has_a_memory_adapter() -> None:
    assert set(PORTS) == set(ADAPTERS)


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_an_adapter_has_every_method_of_its_port(name: str) -> None:
    methods = {method for method in dir(PORTS[name]) if not method.startswith("_")}
    assert methods <= set(dir(ADAPTERS[name]))
