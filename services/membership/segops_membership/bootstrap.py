"""Where settings become collaborators; nothing else reads them or chooses an adapter."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from random import SystemRandom
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.contracts.topics import COMPUTE_JOBS, SEGMENTS, STATIC_MEMBERS, Topic
from segops_common.core.clock import SystemClock
from segops_common.core.faults import FaultPoints
from segops_common.core.ids import SystemIds
from segops_common.runtime.crash_points import fault_points
from segops_common.security.introspect import RemoteAuthenticator
from segops_common.stores.clickhouse import ClickHouse
from segops_common.stores.postgres import create_engine
from segops_common.stores.redis import RedisBreaker, create_redis
from segops_common.streams.log import EventLog
from segops_common.streams.loop.consumer import BatchHandler, ConsumerLoop, Limits
from segops_common.streams.loop.dead_letters import DeadLetters
from segops_common.streams.loop.keyed import KeyedLoop
from segops_common.streams.loop.metrics import LoopMetrics
from segops_common.streams.open import opened_event_log
from segops_common.telemetry.metrics import Metrics
from segops_common.web.app import Running
from segops_common.web.server import Address
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
# One job at a time of a tenant, jobs of so many tenants side by side; a partition is read ahead of its oldest open job.
_LIMITS: Final = Limits(max_records=1_000, partitions_at_once=8)
_DEFINITIONS_LIMITS: Final = Limits(max_records=100, max_age_s=0)
_LIST_LIMITS: Final = Limits(max_records=32, max_age_s=0, partitions_at_once=2)


class Bootstrap:
    """The collaborators of every role, made from one reading of the environment."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clock = SystemClock()
        self.metrics = Metrics()

    @property
    def address(self) -> Address:
        """Where this process listens."""
        return Address(self._settings.http_host, self._settings.http_port, self._settings.drain_s)

    @property
    def postgres_url(self) -> str:
        """Where the schema of this service is migrated."""
        return self._settings.postgres_url

    @asynccontextmanager
    async def api(self) -> AsyncIterator[Running[UseCases]]:
        """What the API holds while it runs."""
        settings = self._settings
        async with (
            self.clickhouse() as clickhouse,
            self._cache() as cache,
            self.event_log() as log,
            self._postgres() as engine,
            self.clickhouse() as analysis,
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
            purges = create_redis(settings.redis_url)
            authenticator = RemoteAuthenticator(
                auth_url=settings.auth_url,
                service_token=settings.service_token.get_secret_value(),
                redis=purges,
                clock=self._clock,
            )
            try:
                async with authenticator:
                    yield Running(use_cases, authenticator=authenticator, checks={"lookup": lookup.check})
            finally:
                await purges.aclose()

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[dict[str, ConsumerLoop]]:
        """The loops of the compute worker by name, with their resources."""
        faults = self._faults()
        async with (
            self.event_log() as log,
            self.clickhouse() as clickhouse,
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
                faults=faults,
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
                faults=faults,
            )
            taken_in = StaticMembers(lists=TakeInLists(lists=lists))
            definitions = SegmentChanges(definitions=PostgresDefinitions(engine=engine))
            yield {
                "worker": self._loop(KeyedLoop, log, WORKER_GROUP, COMPUTE_JOBS, ComputeJobs(compute=compute), _LIMITS),
                "static-lists": self._loop(ConsumerLoop, log, LISTS_GROUP, STATIC_MEMBERS, taken_in, _LIST_LIMITS),
                "definitions": self._loop(
                    ConsumerLoop, log, DEFINITIONS_GROUP, SEGMENTS, definitions, _DEFINITIONS_LIMITS
                ),
            }

    def _loop(
        self, kind: type[ConsumerLoop], log: EventLog, group: str, topic: Topic, handler: BatchHandler, limits: Limits
    ) -> ConsumerLoop:
        return kind(
            log=log,
            group=group,
            topic=topic,
            handler=handler,
            dead_letters=DeadLetters(log=log),
            faults=self._faults(),
            clock=self._clock,
            limits=limits,
            record_intent=False,
            observer=LoopMetrics(self.metrics),
        )

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
            service_token=self._settings.service_token.get_secret_value(),
        )

    def _leases(self, ledger: PostgresLedger) -> Leases:
        return Leases(
            ledger=ledger,
            holder=SystemIds(self._clock).uuid7(),
            ttl=timedelta(seconds=self._settings.tenant_lease_s),
            clock=self._clock,
        )

    def event_log(self) -> AbstractAsyncContextManager[EventLog]:
        """The event log, closed at the end."""
        return opened_event_log(self._settings.event_log_url, clock=self._clock)

    @asynccontextmanager
    async def clickhouse(self) -> AsyncIterator[ClickHouse]:
        """The warehouse, closed at the end."""
        clickhouse = ClickHouse(url=self._settings.clickhouse_url, max_connections=WAREHOUSE_QUERIES_AT_ONCE + 4)
        try:
            yield clickhouse
        finally:
            await clickhouse.close()

    @asynccontextmanager
    async def _cache(self) -> AsyncIterator[RedisMembershipCache]:
        redis = create_redis(self._settings.redis_url)
        try:
            yield RedisMembershipCache(breaker=RedisBreaker(redis=redis, clock=self._clock), random=SystemRandom())
        finally:
            await redis.aclose()

    @asynccontextmanager
    async def _postgres(self) -> AsyncIterator[AsyncEngine]:
        engine = create_engine(self._settings.postgres_url)
        try:
            yield engine
        finally:
            await engine.dispose()

    def _faults(self) -> FaultPoints:
        return fault_points(env=self._settings.env, crash_at=self._settings.crash_at)


def bootstrap() -> Bootstrap:
    """Reads the environment once; raises pydantic's ValidationError, which names what is missing."""
    return Bootstrap(Settings())
