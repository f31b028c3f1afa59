"""Composition root of membership: turns settings into collaborators. Nothing else reads settings or chooses an adapter."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import SystemRandom
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.audit.http import HttpAuditTrail
from segops_common.contracts.topics import COMPUTE_JOBS, COMPUTE_RESULTS, MEMBERSHIP_CHANGES, SEGMENTS, STATIC_MEMBERS
from segops_common.core.ids import SystemIds
from segops_common.runtime.bootstrap import StreamServiceBootstrap
from segops_common.runtime.migrations import ClickHouseMigrations, MigrationStep, PostgresMigrations
from segops_common.runtime.resources import opened_clickhouse, opened_postgres
from segops_common.runtime.schemas import clickhouse_schema, postgres_schema
from segops_common.stores.clickhouse import ClickHouse
from segops_common.stores.idempotency import PostgresIdempotency
from segops_common.streams.log import EventLog
from segops_common.streams.loop.consumer import Limits
from segops_common.streams.loop.group_loop import GroupLoop
from segops_common.streams.loop.keyed import KeyedLoop
from segops_common.streams.loop.timer import Timer
from segops_common.web.app import Running
from segops_common.web.server import Loop
from segops_membership.adapters.activating import activations_on, deliveries_on
from segops_membership.adapters.clickhouse.evaluation import ClickHouseEvaluation
from segops_membership.adapters.clickhouse.members.sets import ClickHouseMemberSets
from segops_membership.adapters.clickhouse.observed_events import ClickHouseObservedEvents
from segops_membership.adapters.clickhouse.profile_events import ClickHouseProfileEvents
from segops_membership.adapters.clickhouse.profiles import ClickHouseProfiles
from segops_membership.adapters.clickhouse.run_results import ClickHouseRunResults
from segops_membership.adapters.clickhouse.static_lists import StoredStaticLists
from segops_membership.adapters.exploring import StatusOfServices, analytics_on, changes_on, explorer_on, status_on
from segops_membership.adapters.exporting import EXPORT_SILENCE_S, export_files_at
from segops_membership.adapters.http.segments_service import HttpSegmentsService
from segops_membership.adapters.http.service_health import HttpServiceHealth
from segops_membership.adapters.keeping import keep_events_on
from segops_membership.adapters.log.ingest_watermark import LogIngestWatermark
from segops_membership.adapters.log.reporter import LogReporter
from segops_membership.adapters.merging import merges_on, person_ids_on, projected_merges_on
from segops_membership.adapters.postgres.exports import PostgresExports
from segops_membership.adapters.postgres.profile_numbers import PostgresProfileNumberSequence
from segops_membership.adapters.postgres.publication_log import PostgresPublicationLog
from segops_membership.adapters.postgres.segment_definitions import Fetch, PostgresSegmentDefinitions
from segops_membership.adapters.postgres.tenant_leases import PostgresTenantLeases
from segops_membership.adapters.privacy import erase_people_on, erased_people_on, export_people_on, privacy_jobs_on
from segops_membership.adapters.reading import loader_on, lookup_on
from segops_membership.adapters.redis.membership_cache import RedisMembershipCache
from segops_membership.consumers.activations import activation_timer
from segops_membership.consumers.compute import ComputeJobs
from segops_membership.consumers.definitions import SegmentChanges
from segops_membership.consumers.erasures import privacy_timers
from segops_membership.consumers.exports import export_timers
from segops_membership.consumers.static_members import StaticMembers
from segops_membership.ports.members.export_files import ExportFiles
from segops_membership.service.analysis.admission import Admission
from segops_membership.service.analysis.explain import Explain
from segops_membership.service.analysis.overlaps import Overlaps
from segops_membership.service.analysis.previews import (
    PREVIEW_INGEST_WAIT_S,
    PREVIEW_LISTS_WAIT_S,
    Previews,
)
from segops_membership.service.analysis.snapshot_cache import SnapshotCache
from segops_membership.service.analysis.snapshots import Snapshots
from segops_membership.service.analysis.value_checks import ValueChecks
from segops_membership.service.compute.run import ComputeRun
from segops_membership.service.exports.exports import SegmentExports
from segops_membership.service.exports.run_exports import RunExports
from segops_membership.service.lookup.batched_reads import MAX_WAREHOUSE_QUERIES
from segops_membership.service.lookup.lookup import Lookup
from segops_membership.service.lookup.membership_now import MembershipNow
from segops_membership.service.members.member_lists import MemberLists
from segops_membership.service.members.segment_history import SegmentHistory
from segops_membership.service.profile_numbering import ProfileNumbering
from segops_membership.service.publish.publisher import Publisher
from segops_membership.service.static_lists import StaticListVersions, StoreStaticLists
from segops_membership.service.tenant_lease import LeaseHolder
from segops_membership.service.use_cases import UseCases
from segops_membership.settings import Settings

SERVICE: Final = "membership"
WORKER_GROUP: Final = "segops-compute"
LISTS_GROUP: Final = "segops-static-lists"
DEFINITIONS_GROUP: Final = "segops-definitions"
MIGRATIONS: Final = Path(__file__).parent / "migrations"
TOPICS: Final = (
    COMPUTE_JOBS,
    COMPUTE_JOBS.dead,
    STATIC_MEMBERS,
    STATIC_MEMBERS.dead,
    COMPUTE_RESULTS,
    MEMBERSHIP_CHANGES,
    SEGMENTS,
    SEGMENTS.dead,
)
# Up to eight tenants have a job each at once. `max_records` bounds how far a partition is read ahead of its oldest job.
_LIMITS: Final = Limits(max_records=1_000, partitions_at_once=8)
_DEFINITIONS_LIMITS: Final = Limits(max_records=100, max_age_s=0)
_LIST_LIMITS: Final = Limits(max_records=32, max_age_s=0, partitions_at_once=2)


@dataclass(frozen=True, slots=True)
class Worker:
    """The compute worker: its consumer loops by name, and its timers."""

    loops: Mapping[str, GroupLoop[Any]]
    timers: Sequence[Timer]
    deliveries: Sequence[Loop] = ()
    """What sends the changes of activations; nothing without a key."""


class Bootstrap(StreamServiceBootstrap[Settings]):
    """Makes the collaborators of every role of membership."""

    @property
    def migrations(self) -> Sequence[MigrationStep]:
        """The steps of the `migrate` role, in order."""
        settings = self._settings
        return (
            ClickHouseMigrations(
                settings.clickhouse_url, SERVICE, MIGRATIONS, settings.ca_file, settings.clickhouse_cluster
            ),
            self._topic_creation(*TOPICS),
            PostgresMigrations(settings.migrate_postgres_url, SERVICE, MIGRATIONS, settings.postgres_access),
        )

    @asynccontextmanager
    async def api(self) -> AsyncIterator[Running[UseCases]]:
        """Open the resources of the API."""
        settings = self._settings
        async with (
            self._clickhouse_reader("lookups") as clickhouse,
            self._cache() as cache,
            self._event_log() as log,
            self._postgres() as engine,
            self._clickhouse_reader("analyses") as analysis,
            self._clickhouse("numbering") as numbering,
            self._clickhouse_reader("explorer") as exploring,
            self._authenticator() as authenticator,
            HttpServiceHealth(addresses=settings.service_addresses) as health,
            HttpSegmentsService(
                segments_url=settings.service_addresses.get("segments.api"), service_token=self._service_token
            ) as segments,
            HttpAuditTrail(auth_url=settings.auth_url, service_token=self._service_token) as audit,
            self._rate_limits(SERVICE, lookups=settings.lookups, analyses=settings.analyses) as rate_limits,
        ):
            lookup = lookup_on(clickhouse, cache, self._clock, self.metrics)
            use_cases = self._use_cases(
                lookup,
                log=log,
                engine=engine,
                clickhouse=analysis,
                numbering=numbering,
                exploring=exploring,
                services=StatusOfServices(health, segments),
                fetch=segments.segment,
                audit=audit,
            )
            yield Running(
                use_cases,
                authenticator=authenticator,
                checks={"lookup": lookup.check},
                schemas={
                    "clickhouse": clickhouse_schema(exploring, SERVICE, MIGRATIONS),
                    "postgres": postgres_schema(engine, SERVICE, MIGRATIONS),
                },
                idempotency=PostgresIdempotency(engine=engine, schema=SERVICE, clock=self._clock),
                proxies=self._proxies,
                rate_limits=rate_limits,
            )

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[Worker]:
        """Open the resources of the compute worker, and yield it."""
        async with (
            self._event_log() as log,
            self._clickhouse("runs") as clickhouse,
            self._cache() as signal,
            self._postgres() as engine,
        ):
            publications = PostgresPublicationLog(engine=engine)
            leases = self._leases(engine)
            lists = StoredStaticLists(clickhouse=clickhouse, engine=engine)
            results = ClickHouseRunResults(clickhouse=clickhouse)
            publisher = Publisher(
                publications=publications,
                results=results,
                reporter=(reporter := LogReporter(log=log, metrics=self.metrics)),
                signal=signal,
                faults=self._faults,
            )
            compute = ComputeRun(
                leases=leases,
                publications=publications,
                watermark=LogIngestWatermark(log=log, clock=self._clock, wait_s=self._settings.ingest_wait_s),
                lists=StaticListVersions(lists=lists, clock=self._clock),
                numbering=self._numbering(leases, engine, clickhouse),
                merges=projected_merges_on(engine, clickhouse),
                evaluation=ClickHouseEvaluation(
                    clickhouse=clickhouse, memory_bytes=self._settings.evaluation_memory_bytes
                ),
                results=results,
                publisher=publisher,
                clock=self._clock,
                metrics=self.metrics,
            )
            key = self._settings.person_key
            erased = erased_people_on(clickhouse, key)
            members = StaticMembers(lists=StoreStaticLists(lists=lists, erased=erased))
            definitions = SegmentChanges(definitions=PostgresSegmentDefinitions(engine=engine))
            loops: dict[str, GroupLoop[Any]] = {
                "worker": self._consumer_loop(
                    log,
                    ComputeJobs(compute=compute),
                    group=WORKER_GROUP,
                    topic=COMPUTE_JOBS,
                    limits=_LIMITS,
                    kind=KeyedLoop,
                ),
                "static-lists": self._consumer_loop(
                    log, members, group=LISTS_GROUP, topic=STATIC_MEMBERS, limits=_LIST_LIMITS
                ),
                "definitions": self._consumer_loop(
                    log, definitions, group=DEFINITIONS_GROUP, topic=SEGMENTS, limits=_DEFINITIONS_LIMITS
                ),
            }
            files = self._export_files(clickhouse)
            privacy = privacy_jobs_on(
                clickhouse, engine, log, reporter, files, signal, leases, key, self._clock, self._faults
            )
            deliver = deliveries_on(
                engine, clickhouse, self._settings.activation_access, self._clock, self.metrics, self._faults
            )
            deliveries = () if deliver is None else (deliver,)
            timers = [*self._export_timers(engine, clickhouse), *map(activation_timer, deliveries)]
            yield Worker(loops, [*timers, *privacy_timers(*privacy)], [one.run for one in deliveries])

    def _export_timers(self, engine: AsyncEngine, clickhouse: ClickHouse) -> Sequence[Timer]:
        """Return the timers of exports; none without a place for their files."""
        files = self._export_files(clickhouse)
        if files is None:
            return ()
        exports = RunExports(
            exports=PostgresExports(engine=engine),
            sets=ClickHouseMemberSets(clickhouse=clickhouse, silence_s=EXPORT_SILENCE_S),
            files=files,
            clock=self._clock,
            faults=self._faults,
        )
        return export_timers(exports)

    def _export_files(self, clickhouse: ClickHouse) -> ExportFiles | None:
        settings = self._settings
        key = settings.exports_key if settings.exports_url.startswith("http") else None
        return export_files_at(settings.exports_url, key, settings.exports_region, clickhouse, self._clock)

    def _use_cases(
        self,
        lookup: Lookup,
        *,
        log: EventLog,
        engine: AsyncEngine,
        clickhouse: ClickHouse,
        numbering: ClickHouse,
        exploring: ClickHouse,
        services: StatusOfServices,
        fetch: Fetch,
        audit: HttpAuditTrail,
    ) -> UseCases:
        # Previews and the explorer have connections of their own, so that lookups never wait for them.
        definitions = PostgresSegmentDefinitions(engine=engine, fetch=fetch)
        profiles = ClickHouseProfiles(clickhouse=clickhouse)
        stored = StoredStaticLists(clickhouse=clickhouse, engine=engine)
        lists = StaticListVersions(lists=stored, clock=self._clock, wait_s=PREVIEW_LISTS_WAIT_S)
        admission = Admission()
        snapshots = Snapshots(
            cache=SnapshotCache(clock=self._clock),
            watermark=LogIngestWatermark(
                log=log, clock=self._clock, wait_s=min(PREVIEW_INGEST_WAIT_S, self._settings.ingest_wait_s)
            ),
            lists=lists,
            numbering=self._numbering(self._leases(engine), engine, numbering),
            evaluation=ClickHouseEvaluation(
                clickhouse=clickhouse,
                memory_bytes=self._settings.evaluation_memory_bytes,
                timeout_s=self.request_budget_s,
            ),
            clock=self._clock,
        )
        observed = ClickHouseObservedEvents(clickhouse=clickhouse)
        sets = ClickHouseMemberSets(clickhouse=clickhouse)
        profile_events = ClickHouseProfileEvents(clickhouse=clickhouse)
        loader = loader_on(clickhouse, profile_events, log, stored)
        explain = Explain(definitions=definitions, profiles=loader, clock=self._clock)
        erase = erase_people_on(numbering, engine, audit, self._settings.person_key, self._clock)
        return UseCases(
            erase_people=erase,
            export_people=export_people_on(exploring, erase, self._clock),
            explain=explain,
            retention=keep_events_on(engine, erase, self._clock),
            lookup=lookup,
            members=MemberLists(definitions=definitions, sets=sets, admission=Admission(work="downloads")),
            changes=(changes := changes_on(clickhouse, engine, definitions, self._settings.person_key, self._clock)),
            activations=activations_on(
                engine, clickhouse, self._settings.activation_access, definitions, changes, self._clock
            ),
            exports=SegmentExports(
                definitions=definitions,
                sets=sets,
                exports=PostgresExports(engine=engine),
                files=self._export_files(clickhouse),
                clock=self._clock,
                ids=SystemIds(self._clock),
            ),
            history=SegmentHistory(definitions=definitions, sets=sets, clock=self._clock),
            now=MembershipNow(definitions=definitions, profiles=loader, clock=self._clock),
            previews=Previews(
                definitions=definitions,
                lists=lists,
                snapshots=snapshots,
                profiles=profiles,
                admission=admission,
                timeout_s=self._analysis_timeout_s,
            ),
            overlaps=Overlaps(
                definitions=definitions,
                publications=PostgresPublicationLog(engine=engine),
                results=ClickHouseRunResults(clickhouse=clickhouse),
                admission=admission,
                timeout_s=self._analysis_timeout_s,
            ),
            observed=observed,
            profile_events=profile_events,
            value_checks=ValueChecks(observed=observed, clock=self._clock),
            explorer=explorer_on(exploring, engine, log, explain, self._clock),
            analytics=analytics_on(exploring, engine, self._clock),
            status=status_on(exploring, engine, log, services, self._clock),
            merges=merges_on(engine, numbering, exploring, audit, self._settings.person_key, self._clock),
            person_ids=person_ids_on(engine, exploring, self._clock),
            service_tokens=self._service_tokens,
        )

    @property
    def _analysis_timeout_s(self) -> float:
        """Shorter than the budget of the request, so that the response says what to do."""
        return self.request_budget_s - 1

    def _numbering(self, leases: LeaseHolder, engine: AsyncEngine, clickhouse: ClickHouse) -> ProfileNumbering:
        return ProfileNumbering(
            leases=leases,
            sequence=PostgresProfileNumberSequence(engine=engine),
            profiles=ClickHouseProfiles(clickhouse=clickhouse),
            faults=self._faults,
        )

    def _leases(self, engine: AsyncEngine) -> LeaseHolder:
        return LeaseHolder(
            leases=PostgresTenantLeases(engine=engine),
            holder=SystemIds(self._clock).uuid7(),
            ttl=timedelta(seconds=self._settings.tenant_lease_s),
            clock=self._clock,
        )

    def _clickhouse(self, use: str) -> AbstractAsyncContextManager[ClickHouse]:
        return self._clickhouse_at(self._settings.clickhouse_url, use)

    def _clickhouse_reader(self, use: str) -> AbstractAsyncContextManager[ClickHouse]:
        return self._clickhouse_at(self._settings.clickhouse_reader_url or self._settings.clickhouse_url, use)

    def _clickhouse_at(self, url: str, use: str) -> AbstractAsyncContextManager[ClickHouse]:
        return opened_clickhouse(
            url,
            ca_file=self._settings.ca_file,
            max_connections=MAX_WAREHOUSE_QUERIES + 4,
            pool=f"clickhouse-{use}",
            metrics=self.metrics,
        )

    def _postgres(self) -> AbstractAsyncContextManager[AsyncEngine]:
        settings = self._settings
        return opened_postgres(settings.postgres_url, access=settings.postgres_access, metrics=self.metrics)

    @asynccontextmanager
    async def _cache(self) -> AsyncIterator[RedisMembershipCache]:
        async with self._redis() as redis:
            yield RedisMembershipCache(breaker=self._breaker(redis, "cache"), random=SystemRandom())


def bootstrap(role: str) -> Bootstrap:
    """Read the environment once. Raises ValueError, which names the variables that are wrong or that the role lacks."""
    return Bootstrap(Settings().require(role))
