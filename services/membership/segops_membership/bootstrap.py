"""Composition root of membership: turns settings into collaborators. Nothing else reads settings or chooses an adapter."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from random import SystemRandom
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.contracts.topics import COMPUTE_JOBS, COMPUTE_RESULTS, MEMBERSHIP_CHANGES, SEGMENTS, STATIC_MEMBERS
from segops_common.core.ids import SystemIds
from segops_common.runtime.bootstrap import StreamServiceBootstrap
from segops_common.runtime.migrations import ClickHouseMigrations, MigrationStep, PostgresMigrations, TopicCreation
from segops_common.runtime.resources import opened_clickhouse, opened_postgres, opened_redis
from segops_common.stores.clickhouse import ClickHouse
from segops_common.stores.redis import RedisBreaker
from segops_common.streams.log import EventLog
from segops_common.streams.loop.consumer import ConsumerLoop, Limits
from segops_common.streams.loop.keyed import KeyedLoop
from segops_common.web.app import Running
from segops_membership.adapters.clickhouse.evaluation import ClickHouseEvaluation, ClickHouseProfiles
from segops_membership.adapters.clickhouse.membership_reader import ClickHouseReader
from segops_membership.adapters.clickhouse.observed_events import ClickHouseObserved
from segops_membership.adapters.clickhouse.profile_events import ClickHouseProfileEvents
from segops_membership.adapters.clickhouse.run_results import ClickHouseRuns
from segops_membership.adapters.clickhouse.static_lists import StoredStaticLists
from segops_membership.adapters.log.ingest_watermark import LogIntake
from segops_membership.adapters.log.reports import LogAnnouncer
from segops_membership.adapters.postgres.definitions import PostgresDefinitions
from segops_membership.adapters.postgres.ledger import PostgresLedger
from segops_membership.adapters.redis.membership_cache import RedisMembershipCache
from segops_membership.consumers.compute import ComputeJobs
from segops_membership.consumers.definitions import SegmentChanges
from segops_membership.consumers.static_members import StaticMembers
from segops_membership.service.admission import Admission
from segops_membership.service.atom_cache import AtomCache
from segops_membership.service.compute import ComputeRun
from segops_membership.service.explain import Explain
from segops_membership.service.leases import Leases
from segops_membership.service.lookup import WAREHOUSE_QUERIES_AT_ONCE, Lookup
from segops_membership.service.moments import Moments
from segops_membership.service.numbers import PublicationNumbers
from segops_membership.service.overlaps import Overlaps
from segops_membership.service.previews import PREVIEW_LISTS_WAIT_S, PREVIEW_TIMEOUT_S, Previews
from segops_membership.service.publishing import Publisher
from segops_membership.service.static_lists import ListsAtHand, TakeInLists
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
# Jobs of one tenant run one after the other, jobs of up to eight tenants at once. `max_records` bounds how far a
# partition is read ahead of its oldest unfinished job.
_LIMITS: Final = Limits(max_records=1_000, partitions_at_once=8)
_DEFINITIONS_LIMITS: Final = Limits(max_records=100, max_age_s=0)
_LIST_LIMITS: Final = Limits(max_records=32, max_age_s=0, partitions_at_once=2)


class Bootstrap(StreamServiceBootstrap[Settings]):
    """Makes the collaborators of every role of membership."""

    @property
    def migrations(self) -> Sequence[MigrationStep]:
        """The steps of the `migrate` role, in order."""
        settings = self._settings
        return (
            ClickHouseMigrations(settings.clickhouse_url, SERVICE, MIGRATIONS),
            TopicCreation(settings.event_log_url, TOPICS, self._clock),
            PostgresMigrations(settings.postgres_url, SERVICE, MIGRATIONS),
        )

    @asynccontextmanager
    async def api(self) -> AsyncIterator[Running[UseCases]]:
        """Open what the API needs."""
        async with (
            self._clickhouse() as clickhouse,
            self._cache() as cache,
            self._event_log() as log,
            self._postgres() as engine,
            self._clickhouse() as analysis,
            self._authenticator() as authenticator,
        ):
            reader = ClickHouseReader(clickhouse=clickhouse)
            lookup = Lookup(
                reader=reader,
                cache=cache,
                numbers=PublicationNumbers(reader=reader, clock=self._clock),
                clock=self._clock,
                metrics=self.metrics,
            )
            use_cases = self._use_cases(lookup, log=log, engine=engine, clickhouse=analysis)
            yield Running(use_cases, authenticator=authenticator, checks={"lookup": lookup.check})

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[dict[str, ConsumerLoop]]:
        """Open what the compute worker needs, and its loops by name."""
        async with (
            self._event_log() as log,
            self._clickhouse() as clickhouse,
            self._cache() as signal,
            self._postgres() as engine,
        ):
            ledger = PostgresLedger(engine=engine)
            lists = StoredStaticLists(clickhouse=clickhouse, engine=engine)
            runs = ClickHouseRuns(clickhouse=clickhouse)
            publisher = Publisher(
                ledger=ledger,
                runs=runs,
                announcer=LogAnnouncer(log=log, metrics=self.metrics),
                signal=signal,
                faults=self._faults,
            )
            compute = ComputeRun(
                leases=self._leases(ledger),
                ledger=ledger,
                intake=LogIntake(log=log, clock=self._clock),
                lists=ListsAtHand(lists=lists, clock=self._clock),
                profiles=ClickHouseProfiles(clickhouse=clickhouse),
                evaluation=ClickHouseEvaluation(
                    clickhouse=clickhouse, memory_bytes=self._settings.evaluation_memory_bytes
                ),
                runs=runs,
                publisher=publisher,
                clock=self._clock,
                faults=self._faults,
            )
            members = StaticMembers(lists=TakeInLists(lists=lists))
            definitions = SegmentChanges(definitions=PostgresDefinitions(engine=engine))
            yield {
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

    def _use_cases(self, lookup: Lookup, *, log: EventLog, engine: AsyncEngine, clickhouse: ClickHouse) -> UseCases:
        """Lookups never wait for what previews do: those have connections of their own."""
        definitions = PostgresDefinitions(engine=engine)
        ledger = PostgresLedger(engine=engine)
        profiles = ClickHouseProfiles(clickhouse=clickhouse)
        stored = StoredStaticLists(clickhouse=clickhouse, engine=engine)
        lists = ListsAtHand(lists=stored, clock=self._clock, wait_s=PREVIEW_LISTS_WAIT_S)
        admission = Admission()
        moments = Moments(
            cache=AtomCache(clock=self._clock),
            leases=self._leases(ledger),
            ledger=ledger,
            intake=LogIntake(log=log, clock=self._clock),
            lists=lists,
            profiles=profiles,
            evaluation=ClickHouseEvaluation(
                clickhouse=clickhouse,
                memory_bytes=self._settings.evaluation_memory_bytes,
                timeout_s=PREVIEW_TIMEOUT_S,
            ),
            clock=self._clock,
        )
        return UseCases(
            explain=Explain(
                definitions=definitions,
                lists=stored,
                events=ClickHouseProfileEvents(clickhouse=clickhouse),
                clock=self._clock,
            ),
            lookup=lookup,
            previews=Previews(
                definitions=definitions, lists=lists, moments=moments, profiles=profiles, admission=admission
            ),
            overlaps=Overlaps(
                definitions=definitions, ledger=ledger, runs=ClickHouseRuns(clickhouse=clickhouse), admission=admission
            ),
            observed=ClickHouseObserved(clickhouse=clickhouse),
            service_token=self._service_token,
        )

    def _leases(self, ledger: PostgresLedger) -> Leases:
        return Leases(
            ledger=ledger,
            holder=SystemIds(self._clock).uuid7(),
            ttl=timedelta(seconds=self._settings.tenant_lease_s),
            clock=self._clock,
        )

    def _clickhouse(self) -> AbstractAsyncContextManager[ClickHouse]:
        return opened_clickhouse(self._settings.clickhouse_url, max_connections=WAREHOUSE_QUERIES_AT_ONCE + 4)

    def _postgres(self) -> AbstractAsyncContextManager[AsyncEngine]:
        return opened_postgres(self._settings.postgres_url)

    @asynccontextmanager
    async def _cache(self) -> AsyncIterator[RedisMembershipCache]:
        async with opened_redis(self._settings.redis_url) as redis:
            yield RedisMembershipCache(breaker=RedisBreaker(redis=redis, clock=self._clock), random=SystemRandom())


def bootstrap() -> Bootstrap:
    """Read the environment once; raise pydantic's ValidationError, which names the variables that are missing."""
    return Bootstrap(Settings())
