"""Exports and erasures of people on memory adapters."""

from __future__ import annotations

from datetime import timedelta

from segops_common.audit.memory import MemoryAuditTrail
from segops_common.contracts.person_hash import PersonHash
from segops_common.core.faults import FaultPoints
from segops_common.core.ids import SystemIds
from segops_membership.adapters.memory.activations.store import MemoryActivations
from segops_membership.adapters.memory.explorer.events import MemoryStoredEvents
from segops_membership.adapters.memory.explorer.users import MemoryUserDirectory
from segops_membership.adapters.memory.identity.joins import MemoryJoinReader
from segops_membership.adapters.memory.identity.merges import (
    MemoryMergeProjection,
    MemoryMergeStore,
)
from segops_membership.adapters.memory.ingest_watermark import MemoryIngestWatermark
from segops_membership.adapters.memory.members.exports import MemoryExportFiles, MemoryExports
from segops_membership.adapters.memory.membership import MemoryMembershipCache
from segops_membership.adapters.memory.privacy.erasures import MemoryErasures
from segops_membership.adapters.memory.privacy.exits import MemoryErasedExits
from segops_membership.adapters.memory.privacy.responses import MemoryKeptResponses
from segops_membership.adapters.memory.privacy.retention import MemoryExpiredEvents, MemoryRetentions
from segops_membership.adapters.memory.privacy.stores import MemoryPersonRecords, MemoryPersonStores
from segops_membership.adapters.memory.privacy.suppressions import MemorySuppressions
from segops_membership.adapters.memory.publication_log import MemoryPublicationLog
from segops_membership.adapters.memory.reporter import MemoryReporter
from segops_membership.adapters.memory.run_results import MemoryRunResults
from segops_membership.adapters.memory.warehouse import MemoryWarehouse
from segops_membership.service.identity.projection import ProjectedMerges
from segops_membership.service.privacy.erasures import ErasePeople
from segops_membership.service.privacy.people import AllIds
from segops_membership.service.privacy.person_export import ExportPeople
from segops_membership.service.privacy.repeat_erasures import RepeatErasures
from segops_membership.service.privacy.retention import KeepEvents, RemoveExpired
from segops_membership.service.privacy.run_erasures import ErasureStores, RunErasures
from segops_membership.service.tenant_lease import LeaseHolder
from segops_testkit.clock import ManualClock

PERSON_HASH = PersonHash(key="the-key-of-suppressions-in-tests-0123456789")


class PrivacyInMemory:
    """The use cases, and the adapters that only they have."""

    def __init__(
        self,
        *,
        warehouse: MemoryWarehouse,
        results: MemoryRunResults,
        publications: MemoryPublicationLog,
        reporter: MemoryReporter,
        exits: MemoryErasedExits,
        activations: MemoryActivations,
        exports: MemoryExports,
        files: MemoryExportFiles,
        cache: MemoryMembershipCache,
        holder: LeaseHolder,
        watermark: MemoryIngestWatermark,
        clock: ManualClock,
        faults: FaultPoints,
    ) -> None:
        self.erasures = MemoryErasures(clock=clock)
        self.suppressions = MemorySuppressions()
        self.audit = MemoryAuditTrail()
        self.directory = MemoryUserDirectory(warehouse=warehouse, results=results)
        merges = MemoryMergeStore()
        self.all_ids = AllIds(
            reader=MemoryJoinReader(warehouse=warehouse),
            merges=ProjectedMerges(store=merges, projection=MemoryMergeProjection()),
        )
        self.erase_people = ErasePeople(
            erasures=self.erasures,
            suppressions=self.suppressions,
            audit=self.audit,
            person_hash=PERSON_HASH,
            all_ids=self.all_ids,
            clock=clock,
            ids=SystemIds(clock),
        )
        self.export_people = ExportPeople(
            users=self.directory,
            events=MemoryStoredEvents(warehouse=warehouse),
            records=MemoryPersonRecords(warehouse=warehouse, results=results),
            erase=self.erase_people,
            clock=clock,
        )
        self.retentions = MemoryRetentions(clock=clock)
        self.keep_events = KeepEvents(retentions=self.retentions, erase=self.erase_people, clock=clock)
        self.remove_expired = RemoveExpired(
            retentions=self.retentions, events=MemoryExpiredEvents(warehouse=warehouse), clock=clock
        )
        self.repeat_erasures = RepeatErasures(
            erasures=self.erasures,
            suppressions=self.suppressions,
            people=MemoryPersonStores(warehouse=warehouse, results=results),
            person_hash=PERSON_HASH,
            clock=clock,
            ids=SystemIds(clock),
        )
        self.run_erasures = RunErasures(
            erasures=self.erasures,
            stores=ErasureStores(
                suppressions=self.suppressions,
                merges=merges,
                people=MemoryPersonStores(warehouse=warehouse, results=results),
                directory=self.directory,
                publications=publications,
                reporter=reporter,
                exits=exits,
                responses=MemoryKeptResponses(activations=activations),
                exports=exports,
                files=files,
                cache=cache,
            ),
            all_ids=self.all_ids,
            person_hash=PERSON_HASH,
            leases=holder,
            watermark=watermark,
            clock=clock,
            faults=faults,
            known_within_s=0,
            lease=timedelta(0),
        )
