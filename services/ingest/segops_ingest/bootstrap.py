"""Composition root of ingest: turns settings into collaborators. Nothing else reads settings or chooses an adapter."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import SystemRandom
from typing import Any, Final

from segops_common.contracts.topics import EVENT_IMPORTS, EVENTS, IMPORT_SINK_GROUP, SINK_GROUP
from segops_common.core.ids import SystemIds
from segops_common.runtime.bootstrap import StreamServiceBootstrap
from segops_common.runtime.migrations import ClickHouseMigrations, MigrationStep, TopicCreation
from segops_common.runtime.resources import opened_clickhouse, opened_redis
from segops_common.stores.redis_breaker import RedisBreaker
from segops_common.streams.loop.consumer import Limits
from segops_common.streams.loop.group_loop import GroupLoop
from segops_common.web.app import Running
from segops_ingest.adapters.clickhouse.warehouse import MIGRATIONS, SERVICE, ClickHouseWarehouse
from segops_ingest.adapters.metrics import IngestMetrics
from segops_ingest.adapters.redis.event_memory import TIMEOUT_S, RedisEventMemory
from segops_ingest.consumers.sink import Sink
from segops_ingest.service.accept_events import Ingest
from segops_ingest.settings import Settings

IMPORT_LIMITS: Final = Limits(partitions_at_once=1)
"""Imports are stored in few large batches, one at a time: each makes a part of every month in it."""


@dataclass(frozen=True, slots=True)
class SinkLoops:
    """The loops of the sink. Neither waits for the other."""

    live: GroupLoop[Any]
    imports: GroupLoop[Any]


class Bootstrap(StreamServiceBootstrap[Settings]):
    """Makes the collaborators of every role of ingest."""

    @property
    def migrations(self) -> Sequence[MigrationStep]:
        """The steps of the `migrate` role, in order."""
        settings = self._settings
        return (
            ClickHouseMigrations(settings.clickhouse_url, SERVICE, MIGRATIONS),
            TopicCreation(
                settings.event_log_url, (EVENTS, EVENTS.dead, EVENT_IMPORTS, EVENT_IMPORTS.dead), self._clock
            ),
        )

    @asynccontextmanager
    async def api(self) -> AsyncIterator[Running[Ingest]]:
        """Open the resources of the API."""
        settings = self._settings
        async with (
            self._event_log() as log,
            opened_redis(self._settings.redis_url, timeout_s=TIMEOUT_S) as redis,
            self._authenticator() as authenticator,
            self._rate_limits(SERVICE, events=settings.events) as rate_limits,
        ):
            ingest = Ingest(
                log=log,
                memory=RedisEventMemory(redis=RedisBreaker(redis=redis, clock=self._clock)),
                ids=SystemIds(self._clock),
                clock=self._clock,
                random=SystemRandom(),
                observer=IngestMetrics(self.metrics),
            )
            yield Running(
                ingest,
                authenticator=authenticator,
                checks={"event-log": log.check},
                proxies=self._proxies,
                rate_limits=rate_limits,
            )

    @asynccontextmanager
    async def sink(self) -> AsyncIterator[SinkLoops]:
        """Open the resources of the sink, and yield its loops."""
        async with self._event_log() as log, opened_clickhouse(self._settings.clickhouse_url) as clickhouse:
            warehouse = ClickHouseWarehouse(clickhouse=clickhouse, faults=self._faults)
            yield SinkLoops(
                live=self._consumer_loop(
                    log,
                    Sink(warehouse=warehouse),
                    group=SINK_GROUP,
                    topic=EVENTS,
                    limits=Limits(),
                    record_intent=True,
                ),
                imports=self._consumer_loop(
                    log,
                    Sink(warehouse=warehouse, is_import=True),
                    group=IMPORT_SINK_GROUP,
                    topic=EVENT_IMPORTS,
                    limits=IMPORT_LIMITS,
                    record_intent=True,
                ),
            )


def bootstrap() -> Bootstrap:
    """Read the environment once; raise pydantic's ValidationError, which names the variables that are missing."""
    return Bootstrap(Settings())
