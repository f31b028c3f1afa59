"""Where settings become collaborators; nothing else reads them or chooses an adapter."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.contracts.topics import COMPUTE_RESULTS
from segops_common.core.clock import SystemClock
from segops_common.runtime.crash_points import fault_points
from segops_common.security.introspect import RemoteAuthenticator
from segops_common.stores.idempotency import PostgresIdempotency
from segops_common.stores.postgres import check_postgres, create_engine
from segops_common.stores.redis import create_redis
from segops_common.streams.log import EventLog
from segops_common.streams.loop.consumer import ConsumerLoop, Limits
from segops_common.streams.loop.dead_letters import DeadLetters
from segops_common.streams.loop.metrics import LoopMetrics
from segops_common.streams.open import opened_event_log
from segops_common.telemetry.metrics import Metrics
from segops_common.web.app import Running
from segops_common.web.health import Check
from segops_common.web.server import Address
from segops_segments.adapters.files.spool import file_spool
from segops_segments.adapters.http.observed_events import RemoteObserved
from segops_segments.adapters.postgres.outbox import PostgresOutbox
from segops_segments.adapters.postgres.store import PostgresStore
from segops_segments.adapters.postgres.tables import SCHEMA
from segops_segments.consumers.outbox_relay import OutboxWorker
from segops_segments.consumers.results import ResultsHandler
from segops_segments.service.outbox_relay import OutboxRelay
from segops_segments.service.request_runs import RunService
from segops_segments.service.run_stream import RunFollowing
from segops_segments.service.segments.manage import SegmentService
from segops_segments.service.static_lists import StaticListService
from segops_segments.service.use_cases import UseCases
from segops_segments.service.validation.report import Verdicts
from segops_segments.settings import Settings

SERVICE: Final = "segments"
RESULTS_GROUP: Final = "segops-segments-results"
MIGRATIONS: Final = Path(__file__).parent / "migrations"


@dataclass(frozen=True, slots=True)
class Worker:
    """The outbox worker, and what its readiness asks."""

    outbox: OutboxWorker
    checks: dict[str, Check]


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
        """Where the schema is."""
        return self._settings.postgres_url

    @asynccontextmanager
    async def api(self) -> AsyncIterator[Running[UseCases]]:
        """What the API holds while it runs."""
        async with self._postgres() as engine:
            redis = create_redis(self._settings.redis_url)
            authenticator = RemoteAuthenticator(
                auth_url=self._settings.auth_url,
                service_token=self._settings.service_token.get_secret_value(),
                redis=redis,
                clock=self._clock,
            )
            observed = RemoteObserved(
                membership_url=self._settings.membership_url,
                service_token=self._settings.service_token.get_secret_value(),
            )
            store, runs = PostgresStore(engine=engine), self._runs(engine)
            use_cases = UseCases(
                segments=SegmentService(store=store, clock=self._clock),
                runs=runs,
                lists=StaticListService(store=store, runs=runs, spools=file_spool, clock=self._clock),
                following=RunFollowing(store=store, clock=self._clock),
                verdicts=Verdicts(store=store, observed=observed),
            )
            try:
                async with authenticator, observed:
                    yield Running(
                        use_cases,
                        authenticator=authenticator,
                        checks={"postgres": partial(check_postgres, engine)},
                        idempotency=PostgresIdempotency(engine=engine, schema=SCHEMA, clock=self._clock),
                    )
            finally:
                await redis.aclose()

    @asynccontextmanager
    async def outbox(self) -> AsyncIterator[Worker]:
        """The outbox worker, with its resources."""
        faults = fault_points(env=self._settings.env, crash_at=self._settings.crash_at)
        async with self._postgres() as engine, self.event_log() as log:
            relay = OutboxRelay(outbox=PostgresOutbox(engine=engine), log=log, clock=self._clock, faults=faults)
            worker = OutboxWorker(relay=relay, runs=self._runs(engine))
            yield Worker(worker, {"postgres": partial(check_postgres, engine), "event-log": log.check})

    @asynccontextmanager
    async def results(self) -> AsyncIterator[ConsumerLoop]:
        """The loop over results, with its resources."""
        faults = fault_points(env=self._settings.env, crash_at=self._settings.crash_at)
        async with self._postgres() as engine, self.event_log() as log:
            yield ConsumerLoop(
                log=log,
                group=RESULTS_GROUP,
                topic=COMPUTE_RESULTS,
                handler=ResultsHandler(runs=self._runs(engine)),
                dead_letters=DeadLetters(log=log),
                faults=faults,
                clock=self._clock,
                limits=Limits(max_records=500, max_age_s=0),
                record_intent=False,
                observer=LoopMetrics(self.metrics),
            )

    def event_log(self) -> AbstractAsyncContextManager[EventLog]:
        """The event log, closed at the end."""
        return opened_event_log(self._settings.event_log_url, clock=self._clock)

    @asynccontextmanager
    async def _postgres(self) -> AsyncIterator[AsyncEngine]:
        engine = create_engine(self._settings.postgres_url)
        try:
            yield engine
        finally:
            await engine.dispose()

    def _runs(self, engine: AsyncEngine) -> RunService:
        return RunService(store=PostgresStore(engine=engine), clock=self._clock, lease=self._settings.run_lease)


def bootstrap() -> Bootstrap:
    """Reads the environment once; raises pydantic's ValidationError, which names what is missing."""
    return Bootstrap(Settings())
