"""Where settings become collaborators; nothing else reads them or chooses an adapter."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from random import SystemRandom

from segops_common.contracts.topics import EVENTS, SINK_GROUP
from segops_common.core.clock import SystemClock
from segops_common.core.ids import SystemIds
from segops_common.runtime.crash_points import fault_points
from segops_common.security.introspect import RemoteAuthenticator
from segops_common.stores.clickhouse import ClickHouse
from segops_common.stores.redis import RedisBreaker, create_redis
from segops_common.streams.log import EventLog
from segops_common.streams.loop.consumer import ConsumerLoop, Limits
from segops_common.streams.loop.dead_letters import DeadLetters
from segops_common.streams.loop.metrics import LoopMetrics
from segops_common.streams.open import opened_event_log
from segops_common.telemetry.metrics import Metrics
from segops_common.web.app import Running
from segops_common.web.server import Address
from segops_ingest.adapters.clickhouse.warehouse import ClickHouseWarehouse
from segops_ingest.adapters.metrics import IngestMetrics
from segops_ingest.adapters.redis.first_seen import RedisFirstSeen
from segops_ingest.consumers.sink import Sink
from segops_ingest.service.accept_events import Ingest
from segops_ingest.settings import Settings


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

    @asynccontextmanager
    async def api(self) -> AsyncIterator[Running[Ingest]]:
        """What the API holds while it runs."""
        settings = self._settings
        async with self.event_log() as log:
            redis = create_redis(settings.redis_url)
            authenticator = RemoteAuthenticator(
                auth_url=settings.auth_url,
                service_token=settings.service_token.get_secret_value(),
                redis=redis,
                clock=self._clock,
            )
            observer = IngestMetrics(self.metrics)
            ingest = Ingest(
                log=log,
                first_seen=RedisFirstSeen(redis=RedisBreaker(redis=redis, clock=self._clock), metrics=observer),
                ids=SystemIds(self._clock),
                clock=self._clock,
                random=SystemRandom(),
                observer=observer,
            )
            try:
                async with authenticator:
                    yield Running(ingest, authenticator=authenticator, checks={"event-log": log.check})
            finally:
                await redis.aclose()

    @asynccontextmanager
    async def sink(self) -> AsyncIterator[ConsumerLoop]:
        """The loop of the sink, with its resources."""
        faults = fault_points(env=self._settings.env, crash_at=self._settings.crash_at)
        async with self.event_log() as log, self.clickhouse() as clickhouse:
            yield ConsumerLoop(
                log=log,
                group=SINK_GROUP,
                topic=EVENTS,
                handler=Sink(warehouse=ClickHouseWarehouse(clickhouse=clickhouse, faults=faults)),
                dead_letters=DeadLetters(log=log),
                faults=faults,
                clock=self._clock,
                limits=Limits(),
                record_intent=True,
                observer=LoopMetrics(self.metrics),
            )

    def event_log(self) -> AbstractAsyncContextManager[EventLog]:
        """The event log, closed at the end."""
        return opened_event_log(self._settings.event_log_url, clock=self._clock)

    @asynccontextmanager
    async def clickhouse(self) -> AsyncIterator[ClickHouse]:
        """The warehouse, closed at the end."""
        clickhouse = ClickHouse(url=self._settings.clickhouse_url)
        try:
            yield clickhouse
        finally:
            await clickhouse.close()


def bootstrap() -> Bootstrap:
    """Reads the environment once; raises pydantic's ValidationError, which names what is missing."""
    return Bootstrap(Settings())
