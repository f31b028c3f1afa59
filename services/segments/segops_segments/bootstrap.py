"""Composition root of segments: turns settings into collaborators. Nothing else reads settings or chooses an adapter."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.audit.http import HttpAuditTrail
from segops_common.contracts.topics import COMPUTE_JOBS, COMPUTE_RESULTS, SEGMENTS, STATIC_MEMBERS
from segops_common.runtime.bootstrap import StreamServiceBootstrap
from segops_common.runtime.migrations import MigrationStep, PostgresMigrations
from segops_common.runtime.resources import opened_postgres
from segops_common.runtime.schemas import postgres_schema
from segops_common.stores.idempotency import PostgresIdempotency
from segops_common.stores.postgres import check_postgres
from segops_common.streams.loop.consumer import Limits
from segops_common.streams.loop.group_loop import GroupLoop
from segops_common.streams.loop.timer import Timer
from segops_common.streams.sink_progress import SinkProgress
from segops_common.web.app import Running
from segops_common.web.health import Check
from segops_segments.adapters.files.spool import file_spool
from segops_segments.adapters.http.membership import HttpMembership
from segops_segments.adapters.postgres.event_schemas.store import PostgresSchemaStore
from segops_segments.adapters.postgres.outbox import PostgresOutbox
from segops_segments.adapters.postgres.store import PostgresStore
from segops_segments.adapters.postgres.tables import SCHEMA
from segops_segments.consumers.backlog import backlog_timer
from segops_segments.consumers.catch_up import catch_up_timer
from segops_segments.consumers.hourly_scheduler import hourly_timer
from segops_segments.consumers.outbox_relay import deletion_timer, relay_timer
from segops_segments.consumers.results import ResultsHandler
from segops_segments.consumers.silent_runs import silent_runs_timer
from segops_segments.service.apply_results import ApplyResults
from segops_segments.service.outbox_relay import RelayOutbox
from segops_segments.service.run_queue import RunQueue
from segops_segments.service.schedule.catch_up import RepeatIncompleteRuns
from segops_segments.service.schedule.hourly_runs import RequestHourlyRuns
from segops_segments.service.schedule.silent_runs import ReviveSilentRuns
from segops_segments.service.schedule.watch_backlog import WatchBacklog
from segops_segments.service.use_cases import UseCases
from segops_segments.settings import Settings

SERVICE: Final = "segments"
RESULTS_GROUP: Final = "segops-segments-results"
MIGRATIONS: Final = Path(__file__).parent / "migrations"
TOPICS: Final = (COMPUTE_JOBS, SEGMENTS, STATIC_MEMBERS, COMPUTE_RESULTS)


@dataclass(frozen=True, slots=True)
class OutboxWorker:
    """The timers of the role `outbox`, and its readiness checks. Each timer runs on its own: none delays another."""

    timers: Sequence[Timer]
    checks: dict[str, Check]


class Bootstrap(StreamServiceBootstrap[Settings]):
    """Makes the collaborators of every role of segments."""

    @property
    def migrations(self) -> Sequence[MigrationStep]:
        """The steps of the `migrate` role, in order."""
        return (
            PostgresMigrations(
                self._settings.migrate_postgres_url, SERVICE, MIGRATIONS, self._settings.postgres_access
            ),
            self._topic_creation(*TOPICS, *(topic.dead for topic in TOPICS)),
        )

    @asynccontextmanager
    async def api(self) -> AsyncIterator[Running[UseCases]]:
        """Open the resources of the API."""
        settings = self._settings
        async with (
            self._postgres() as engine,
            self._authenticator() as authenticator,
            self._rate_limits(SERVICE, computes=settings.computes) as rate_limits,
            HttpMembership(
                membership_url=self._settings.membership_url, service_token=self._service_token
            ) as membership,
            HttpAuditTrail(auth_url=settings.auth_url, service_token=self._service_token) as audit,
        ):
            yield Running(
                UseCases.over(
                    PostgresStore(engine=engine),
                    PostgresSchemaStore(engine=engine),
                    audit=audit,
                    clock=self._clock,
                    queue=self._queue(),
                    spools=file_spool,
                    observed_events=membership,
                    known_users=membership,
                    service_tokens=self._service_tokens,
                ),
                authenticator=authenticator,
                checks={"postgres": partial(check_postgres, engine)},
                schemas={"postgres": postgres_schema(engine, SCHEMA, MIGRATIONS)},
                idempotency=PostgresIdempotency(engine=engine, schema=SCHEMA, clock=self._clock),
                proxies=self._proxies,
                rate_limits=rate_limits,
            )

    @asynccontextmanager
    async def outbox(self) -> AsyncIterator[OutboxWorker]:
        """Open the resources of the outbox worker, and yield the worker."""
        async with self._postgres() as engine, self._event_log() as log:
            store, queue = PostgresStore(engine=engine), self._queue()
            relay = RelayOutbox(outbox=PostgresOutbox(engine=engine), log=log, clock=self._clock, faults=self._faults)
            timers = (
                relay_timer(relay),
                deletion_timer(relay),
                hourly_timer(RequestHourlyRuns(store=store, clock=self._clock, queue=queue)),
                catch_up_timer(
                    RepeatIncompleteRuns(store=store, queue=queue, progress=SinkProgress(log=log, clock=self._clock))
                ),
                backlog_timer(WatchBacklog(store=store, clock=self._clock, metrics=self.metrics)),
                silent_runs_timer(ReviveSilentRuns(store=store, clock=self._clock, queue=queue)),
            )
            yield OutboxWorker(timers, {"postgres": partial(check_postgres, engine), "event-log": log.check})

    @asynccontextmanager
    async def results(self) -> AsyncIterator[GroupLoop[Any]]:
        """Open the resources of the results consumer, and yield its loop."""
        async with self._postgres() as engine, self._event_log() as log:
            results = ApplyResults(
                store=PostgresStore(engine=engine), queue=self._queue(), lease=self._settings.run_lease
            )
            yield self._consumer_loop(
                log,
                ResultsHandler(results=results),
                group=RESULTS_GROUP,
                topic=COMPUTE_RESULTS,
                limits=Limits(max_records=500, max_age_s=0),
            )

    def _postgres(self) -> AbstractAsyncContextManager[AsyncEngine]:
        settings = self._settings
        return opened_postgres(settings.postgres_url, access=settings.postgres_access, metrics=self.metrics)

    def _queue(self) -> RunQueue:
        return RunQueue(clock=self._clock, lease=self._settings.run_lease)


def bootstrap(role: str) -> Bootstrap:
    """Read the environment once. Raises ValueError, which names the variables that are wrong or that the role lacks."""
    return Bootstrap(Settings().require(role))
