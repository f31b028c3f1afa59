"""Composition root of ingest: turns settings into collaborators. Nothing else reads settings or chooses an adapter."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from random import SystemRandom
from typing import Any, Final

from segops_common.contracts.topics import (
    EVENT_IMPORTS,
    EVENTS,
    IMPORT_SINK_GROUP,
    QUARANTINE_GROUP,
    QUARANTINED_EVENTS,
    SINK_GROUP,
)
from segops_common.core.ids import SystemIds
from segops_common.runtime.bootstrap import StreamServiceBootstrap
from segops_common.runtime.migrations import ClickHouseMigrations, MigrationStep
from segops_common.runtime.resources import opened_clickhouse, opened_redis
from segops_common.runtime.schemas import clickhouse_schema
from segops_common.stores.clickhouse import ClickHouse
from segops_common.streams.loop.consumer import Limits
from segops_common.streams.loop.group_loop import GroupLoop
from segops_common.web.app import Running
from segops_ingest.adapters.auth.tenant_directory import opened_tenant_directory
from segops_ingest.adapters.clickhouse.dead_letters import ClickHouseDeadLetters
from segops_ingest.adapters.clickhouse.identity_claims import ClickHouseIdentityClaims
from segops_ingest.adapters.clickhouse.profile_history import ClickHouseProfileHistory
from segops_ingest.adapters.clickhouse.suppressions import ClickHouseSuppressionLog
from segops_ingest.adapters.clickhouse.warehouse import MIGRATIONS, SERVICE, ClickHouseWarehouse
from segops_ingest.adapters.metrics import IngestMetrics
from segops_ingest.adapters.redis.event_memory import RedisEventMemory
from segops_ingest.adapters.redis.rejections import RedisRejectionLog
from segops_ingest.adapters.redis.schema_copy import RedisSchemaCopy
from segops_ingest.adapters.segments.schema_source import opened_schema_source
from segops_ingest.consumers.history_copier import HistoryCopier
from segops_ingest.consumers.quarantine import QuarantineSink
from segops_ingest.consumers.sink import Sink
from segops_ingest.service.accept_events import Ingest
from segops_ingest.service.aliases import Aliases
from segops_ingest.service.dead_letters import DeadLetterReplays
from segops_ingest.service.rejections import Rejections
from segops_ingest.service.sandbox import Sandbox
from segops_ingest.service.schemas.directory import SchemaDirectory
from segops_ingest.service.suppressions import Suppressions
from segops_ingest.service.use_cases import UseCases
from segops_ingest.settings import Settings

TOPICS: Final = (EVENTS, EVENT_IMPORTS, QUARANTINED_EVENTS)
IMPORT_LIMITS: Final = Limits(partitions_at_once=1)
"""Imports are stored in few large batches, one at a time: each makes a part of every month in it."""


@dataclass(frozen=True, slots=True)
class SinkLoops:
    """The loops of the sink. None of them waits for another."""

    live: GroupLoop[Any]
    imports: GroupLoop[Any]
    quarantine: GroupLoop[Any]
    history: HistoryCopier


class Bootstrap(StreamServiceBootstrap[Settings]):
    """Makes the collaborators of every role of ingest."""

    @property
    def migrations(self) -> Sequence[MigrationStep]:
        """The steps of the `migrate` role, in order."""
        settings = self._settings
        return (
            ClickHouseMigrations(
                settings.clickhouse_url, SERVICE, MIGRATIONS, settings.ca_file, settings.clickhouse_cluster
            ),
            self._topic_creation(*TOPICS, *(topic.dead for topic in TOPICS)),
        )

    @asynccontextmanager
    async def api(self) -> AsyncIterator[Running[UseCases]]:
        """Open the resources of the API."""
        settings = self._settings
        async with (
            self._event_log() as log,
            opened_redis(
                settings.memory_url, access=settings.redis_access, timeout_s=settings.event_memory_timeout_s
            ) as redis,
            self._authenticator(takes_sessions=True) as authenticator,
            self._rate_limits(SERVICE, events=settings.events) as rate_limits,
            self._redis() as rejections_redis,
            self._clickhouse(max_connections=4) as clickhouse,
            opened_tenant_directory(settings.auth_url, service_token=self._service_token) as directory,
            opened_schema_source(settings.segments_url, service_token=self._service_token) as schema_source,
        ):
            schemas = SchemaDirectory(
                source=schema_source, copy=RedisSchemaCopy(redis=self._breaker(rejections_redis, "event-schemas"))
            )
            suppressions = self._suppressions(clickhouse)
            ingest = Ingest(
                suppressions=suppressions,
                log=log,
                memory=RedisEventMemory(
                    redis=self._breaker(redis, "event-memory"), timeout_s=settings.event_memory_timeout_s
                ),
                ids=SystemIds(self._clock),
                clock=self._clock,
                random=SystemRandom(),
                observer=IngestMetrics(self.metrics),
                schemas=schemas,
            )
            rejections = Rejections(
                log=RedisRejectionLog(redis=self._breaker(rejections_redis, "rejections"), clock=self._clock),
                directory=directory,
                ids=SystemIds(self._clock),
                clock=self._clock,
            )
            letters = ClickHouseDeadLetters(clickhouse=clickhouse)
            use_cases = UseCases(
                ingest,
                rejections,
                DeadLetterReplays(letters=letters, ingest=ingest, clock=self._clock),
                Sandbox(directory=directory, ingest=ingest),
                Aliases(claims=ClickHouseIdentityClaims(clickhouse=clickhouse), ingest=ingest, clock=self._clock),
            )
            async with rejections.writing(), schemas.following(), suppressions.following():
                yield Running(
                    use_cases,
                    authenticator=authenticator,
                    checks={"event-log": log.check},
                    schemas={"clickhouse": clickhouse_schema(clickhouse, SERVICE, MIGRATIONS)},
                    proxies=self._proxies,
                    rate_limits=rate_limits,
                )

    @asynccontextmanager
    async def sink(self) -> AsyncIterator[SinkLoops]:
        """Open the resources of the sink, and yield its loops."""
        async with self._event_log() as log, self._clickhouse() as clickhouse:
            warehouse = ClickHouseWarehouse(clickhouse=clickhouse, faults=self._faults)
            suppressions = self._suppressions(clickhouse)
            yield SinkLoops(
                live=self._consumer_loop(
                    log,
                    Sink(warehouse=warehouse, suppressions=suppressions),
                    group=SINK_GROUP,
                    topic=EVENTS,
                    limits=Limits(),
                    record_intent=True,
                ),
                imports=self._consumer_loop(
                    log,
                    Sink(warehouse=warehouse, is_import=True, suppressions=suppressions),
                    group=IMPORT_SINK_GROUP,
                    topic=EVENT_IMPORTS,
                    limits=IMPORT_LIMITS,
                    record_intent=True,
                ),
                quarantine=self._consumer_loop(
                    log,
                    QuarantineSink(warehouse=warehouse),
                    group=QUARANTINE_GROUP,
                    topic=QUARANTINED_EVENTS,
                    limits=Limits(),
                    record_intent=True,
                ),
                history=HistoryCopier(
                    histories=[ClickHouseProfileHistory(clickhouse=shard) for shard in clickhouse.shards],
                    faults=self._faults,
                    clock=self._clock,
                ),
            )

    def _suppressions(self, clickhouse: ClickHouse) -> Suppressions:
        return Suppressions(
            log=ClickHouseSuppressionLog(clickhouse=clickhouse),
            key=self._settings.suppression_key.get_secret_value(),
            clock=self._clock,
        )

    def _clickhouse(self, *, max_connections: int = 16) -> AbstractAsyncContextManager[ClickHouse]:
        settings = self._settings
        return opened_clickhouse(
            settings.clickhouse_url,
            ca_file=settings.ca_file,
            max_connections=max_connections,
            metrics=self.metrics,
        )


def bootstrap(role: str) -> Bootstrap:
    """Read the environment once. Raises ValueError, which names the variables that are wrong or that the role lacks."""
    return Bootstrap(Settings().require(role))
