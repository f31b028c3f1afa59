"""Membership in memory: use cases over memory adapters, a manual clock, and faults on request."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta

from segops_common.audit.memory import MemoryAuditTrail
from segops_common.contracts.jobs import (
    ComputeResult,
    FailedResult,
    SegmentChanged,
    StaticMembersChanged,
    SucceededResult,
)
from segops_common.contracts.person_hash import PersonHash
from segops_common.core.ids import SystemIds
from segops_common.telemetry.metrics import Metrics
from segops_language import Group
from segops_language.events import Event
from segops_membership.adapters.memory.activations.store import MemoryActivations
from segops_membership.adapters.memory.evaluation import MemoryEvaluation
from segops_membership.adapters.memory.events import MemoryObservedEvents, MemoryProfileEvents, MemoryUnstoredEvents
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
from segops_membership.adapters.memory.privacy.exits import MemoryErasedExits
from segops_membership.adapters.memory.privacy.suppressions import MemorySuppressions
from segops_membership.adapters.memory.profiles import MemoryProfileNumberSequence, MemoryProfiles
from segops_membership.adapters.memory.publication_log import MemoryPublicationLog
from segops_membership.adapters.memory.reporter import MemoryReporter
from segops_membership.adapters.memory.run_results import MemoryRunResults
from segops_membership.adapters.memory.segment_definitions import MemorySegmentDefinitions
from segops_membership.adapters.memory.static_lists import MemoryStaticLists
from segops_membership.adapters.memory.tenant_leases import MemoryTenantLeases
from segops_membership.adapters.memory.warehouse import MemoryWarehouse
from segops_membership.domain.activations.addresses import AddressPolicy
from segops_membership.service.activations.manage import ManageActivations
from segops_membership.service.analysis.admission import Admission
from segops_membership.service.analysis.explain import Explain
from segops_membership.service.analysis.overlaps import Overlaps
from segops_membership.service.analysis.previews import Previews
from segops_membership.service.analysis.snapshot_cache import SnapshotCache
from segops_membership.service.analysis.snapshots import Snapshots
from segops_membership.service.analysis.value_checks import ValueChecks
from segops_membership.service.compute.run import ComputeRun
from segops_membership.service.exports.exports import SegmentExports
from segops_membership.service.exports.run_exports import RunExports
from segops_membership.service.identity.mergeable import MergeableIds
from segops_membership.service.identity.merges import Merges
from segops_membership.service.identity.person_ids import PersonIds
from segops_membership.service.identity.persons import Persons
from segops_membership.service.identity.projection import ProjectedMerges
from segops_membership.service.lookup.lookup import Lookup
from segops_membership.service.lookup.membership_now import MembershipNow
from segops_membership.service.lookup.publication_watermark import PublicationWatermark
from segops_membership.service.members.changes import MemberChanges, ReadChanges
from segops_membership.service.members.member_lists import MemberLists
from segops_membership.service.members.segment_history import SegmentHistory
from segops_membership.service.profile_loader import ProfileLoader
from segops_membership.service.profile_numbering import ProfileNumbering
from segops_membership.service.publish.publisher import Publisher
from segops_membership.service.static_lists import StaticListVersions, StoreStaticLists
from segops_membership.service.tenant_lease import LeaseHolder
from segops_membership.service.use_cases import UseCases
from segops_testkit.clock import ManualClock
from tests.corpus.builders import NOW
from tests.unit.membership.controlled import ControlledEvaluation
from tests.unit.membership.erasing import PrivacyInMemory
from tests.unit.membership.exploring import analytics_in_memory, explorer_in_memory, status_in_memory

TENANT = 1
LEASE = timedelta(seconds=30)


class Crash(Exception):
    """The process ended here."""


class CrashPoints:
    """Raises Crash at one named point, once."""

    def __init__(self) -> None:
        self.armed: str | None = None
        self.reached: list[str] = []

    def reach(self, name: str) -> None:
        self.reached.append(name)
        if name == self.armed:
            self.armed = None
            raise Crash(name)


class MembershipInMemory:
    """All use cases of membership in one process."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOW)
        self.faults = CrashPoints()
        self.warehouse = MemoryWarehouse()
        self.leases = MemoryTenantLeases(clock=self.clock)
        self.publications = MemoryPublicationLog(leases=self.leases)
        self.reporter = MemoryReporter()
        self.run_results = MemoryRunResults(warehouse=self.warehouse)
        self.reader = MemoryMembershipReader(results=self.run_results)
        self.cache = MemoryMembershipCache(clock=self.clock)
        self.definitions = MemorySegmentDefinitions()
        self.profiles = MemoryProfiles(warehouse=self.warehouse)
        self.evaluation = ControlledEvaluation(MemoryEvaluation(warehouse=self.warehouse))
        self.admission = Admission()
        self.holder = LeaseHolder(leases=self.leases, holder="test", ttl=LEASE, clock=self.clock)
        stored = MemoryStaticLists(warehouse=self.warehouse)
        self.lists = StoreStaticLists(lists=stored)
        self.list_versions = StaticListVersions(lists=stored, clock=self.clock)
        self.numbering = ProfileNumbering(
            leases=self.holder, sequence=MemoryProfileNumberSequence(), profiles=self.profiles, faults=self.faults
        )
        self.publisher = Publisher(
            publications=self.publications,
            results=self.run_results,
            reporter=self.reporter,
            signal=self.cache,
            faults=self.faults,
        )
        self.watermark = MemoryIngestWatermark()
        self.compute = ComputeRun(
            leases=self.holder,
            publications=self.publications,
            watermark=self.watermark,
            lists=self.list_versions,
            numbering=self.numbering,
            merges=self._add_merges(),
            evaluation=self.evaluation,
            results=self.run_results,
            publisher=self.publisher,
            clock=self.clock,
            metrics=Metrics(),
        )
        self.snapshots = Snapshots(
            cache=SnapshotCache(clock=self.clock),
            watermark=self.watermark,
            lists=self.list_versions,
            numbering=self.numbering,
            evaluation=self.evaluation,
            clock=self.clock,
        )
        self.previews = self.new_previews()
        self.overlaps = Overlaps(
            definitions=self.definitions,
            publications=self.publications,
            results=self.run_results,
            admission=self.admission,
        )
        self.unstored = MemoryUnstoredEvents()
        loader = ProfileLoader(
            stored=MemoryProfileEvents(warehouse=self.warehouse, max_events=100),
            unstored=self.unstored,
            lists=stored,
            persons=Persons(reader=MemoryJoinReader(warehouse=self.warehouse)),
            max_events=100,
        )
        self.explain = Explain(definitions=self.definitions, profiles=loader, clock=self.clock)
        self.now = MembershipNow(definitions=self.definitions, profiles=loader, clock=self.clock)
        self.lookup = self.new_lookup()
        self._add_members()

    def _add_merges(self) -> ProjectedMerges:
        store = MemoryMergeStore()
        projected = ProjectedMerges(store=store, projection=MemoryMergeProjection())
        persons = Persons(reader=MemoryJoinReader(warehouse=self.warehouse))
        self.merges = Merges(
            store=store,
            projected=projected,
            mergeable=MergeableIds(
                persons=persons,
                merges=store,
                suppressions=MemorySuppressions(),
                person_hash=PersonHash(key="k" * 32),
                clock=self.clock,
            ),
            audit=MemoryAuditTrail(),
            clock=self.clock,
        )
        self.person_ids = PersonIds(persons=persons, merges=store, clock=self.clock)
        return projected

    def _add_members(self) -> None:
        self.sets = MemoryMemberSets(results=self.run_results)
        self.exports = MemoryExports(clock=self.clock)
        self.files = MemoryExportFiles(sets=self.sets)
        self.history = MemoryChangeHistory(results=self.run_results)
        self.erased_exits = MemoryErasedExits()
        read = ReadChanges(publications=self.publications, history=self.history, exits=self.erased_exits)
        self.changes = MemberChanges(
            definitions=self.definitions,
            changes=read,
            clock=self.clock,
            max_streams=2,
            max_streams_of_a_tenant=1,
        )
        self.activations = MemoryActivations(clock=self.clock)
        self.manage_activations = ManageActivations(
            activations=self.activations,
            definitions=self.definitions,
            changes=read,
            cursors=self.changes,
            policy=AddressPolicy(),
            has_files=True,
            clock=self.clock,
            ids=SystemIds(self.clock),
        )
        self.downloads = Admission(work="downloads")
        self.privacy = PrivacyInMemory(
            warehouse=self.warehouse,
            results=self.run_results,
            publications=self.publications,
            reporter=self.reporter,
            exits=self.erased_exits,
            activations=self.activations,
            exports=self.exports,
            files=self.files,
            cache=self.cache,
            holder=self.holder,
            watermark=self.watermark,
            clock=self.clock,
            faults=self.faults,
        )
        self.run_exports = RunExports(
            exports=self.exports, sets=self.sets, files=self.files, clock=self.clock, faults=self.faults
        )

    def use_cases(self) -> UseCases:
        """Return what the API calls."""
        observed = MemoryObservedEvents(warehouse=self.warehouse)
        return UseCases(
            erase_people=self.privacy.erase_people,
            export_people=self.privacy.export_people,
            retention=self.privacy.keep_events,
            explain=self.explain,
            lookup=self.lookup,
            now=self.now,
            changes=self.changes,
            activations=self.manage_activations,
            members=MemberLists(definitions=self.definitions, sets=self.sets, admission=self.downloads),
            exports=SegmentExports(
                definitions=self.definitions,
                sets=self.sets,
                exports=self.exports,
                files=self.files,
                clock=self.clock,
                ids=SystemIds(self.clock),
            ),
            history=SegmentHistory(definitions=self.definitions, sets=self.sets, clock=self.clock),
            previews=self.previews,
            overlaps=self.overlaps,
            observed=observed,
            profile_events=MemoryProfileEvents(warehouse=self.warehouse, max_events=100),
            value_checks=ValueChecks(observed=observed, clock=self.clock),
            explorer=explorer_in_memory(
                self.warehouse, self.run_results, self.definitions, self.publications, self.explain, self.clock
            ),
            analytics=analytics_in_memory(
                self.warehouse, self.run_results, self.definitions, self.publications, self.clock
            ),
            status=status_in_memory(self.warehouse, self.run_results, self.leases, self.clock),
            merges=self.merges,
            person_ids=self.person_ids,
            service_tokens=("service",),
        )

    def new_previews(self, *, timeout_s: float = 60) -> Previews:
        """Return previews with another time limit, and the same limit of open ones."""
        return Previews(
            definitions=self.definitions,
            lists=self.list_versions,
            snapshots=self.snapshots,
            profiles=self.profiles,
            admission=self.admission,
            timeout_s=timeout_s,
        )

    def new_lookup(self) -> Lookup:
        """Return the lookup of another API process."""
        return Lookup(
            reader=self.reader,
            persons=Persons(reader=MemoryJoinReader(warehouse=self.warehouse)),
            cache=self.cache,
            watermark=PublicationWatermark(reader=self.reader, clock=self.clock),
            clock=self.clock,
            metrics=Metrics(),
        )

    def store(self, *events: Event) -> None:
        """Store events of the tenant."""
        self.warehouse.tenant(TENANT).add_events(events)

    async def define(self, definitions: Mapping[int, Group], *, version: int = 1) -> None:
        """Let these be the current definitions."""
        changes = [
            SegmentChanged(
                tenant_id=TENANT, segment_id=id, version=version, definition=group, refresh="manual", deleted=False
            )
            for id, group in definitions.items()
        ]
        await self.definitions.apply(changes)

    async def replace_list(self, segment_id: int, version: int, users: Sequence[str]) -> None:
        """Replace the list of a static segment."""
        portion = StaticMembersChanged(
            tenant_id=TENANT,
            segment_id=segment_id,
            list_version=version,
            base_version=version - 1,
            part=1,
            parts=1,
            replace=True,
            add=tuple(users),
        )
        assert await self.lists.store([portion]) == []

    async def segments_of(self, *users: str) -> list[tuple[int, ...]]:
        """Return what the warehouse says of each user."""
        number = (await self.publications.head(TENANT)).number
        segments = await self.reader.segments_of(TENANT, users, number, None)
        return [segments[user] for user in users]

    async def until_asleep(self, *, sleepers: int = 1) -> None:
        """Let other tasks run until that many of them wait for the clock."""
        async with asyncio.timeout(60):
            while self.clock.sleepers < sleepers:
                await asyncio.sleep(0)

    @property
    def last_result(self) -> ComputeResult:
        """The newest report of a run."""
        return self.reporter.results[-1]

    def succeeded(self) -> SucceededResult:
        """Return the newest report, which must be a success."""
        assert isinstance(self.last_result, SucceededResult), self.last_result
        return self.last_result

    def failed(self) -> FailedResult:
        """Return the newest report, which must be a failure."""
        assert isinstance(self.last_result, FailedResult), self.last_result
        return self.last_result

    @contextmanager
    def crash_at(self, point: str) -> Iterator[None]:
        """Crash at the point while the block runs; the block must reach it."""
        self.faults.armed = point
        yield
        assert self.faults.armed is None, f"{point} was not reached"


def failures_of(result: SucceededResult | FailedResult) -> dict[int, str]:
    """Return the slug of each segment's problem."""
    return {failure.segment_id: failure.problem.type.rsplit("/", 1)[1] for failure in result.failures}
