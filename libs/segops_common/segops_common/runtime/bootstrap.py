"""What the bootstraps of all services share: one reading of the settings, one clock, one set of metrics."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from fastapi import FastAPI

from segops_common.contracts.topics import Topic
from segops_common.core.clock import Clock, SystemClock
from segops_common.core.rate_limit import Quota
from segops_common.runtime.crash_points import fault_points
from segops_common.runtime.migrations import MigrationStep, TopicCreation
from segops_common.runtime.resources import opened_authenticator, opened_event_log, opened_redis
from segops_common.runtime.settings import ServiceSettings, StreamServiceSettings
from segops_common.security.introspect import Authenticator
from segops_common.stores.rate_limit import RedisThrottle, ReservingMeter
from segops_common.stores.redis_breaker import RedisBreaker
from segops_common.streams.log import EventLog
from segops_common.streams.loop.consumer import BatchHandler, ConsumerLoop, Limits
from segops_common.streams.loop.dead_letter_topic import DeadLetterTopic
from segops_common.streams.loop.group_loop import GroupLoop
from segops_common.streams.loop.metrics import LoopMetrics
from segops_common.telemetry.metrics import Metric, Metrics
from segops_common.telemetry.spans import use_tracer
from segops_common.web.app import worker_app
from segops_common.web.health import Check
from segops_common.web.request.budget import MARGIN_S
from segops_common.web.request.charges import REQUESTS, RateLimits
from segops_common.web.request.client_address import TrustedProxies
from segops_common.web.server import Address, Loop, serve

if TYPE_CHECKING:
    from redis.asyncio import Redis

S = TypeVar("S", bound=ServiceSettings)
T = TypeVar("T", bound=StreamServiceSettings)


class ServiceBootstrap(ABC, Generic[S]):
    """Makes a service's collaborators from its settings; each service adds a context manager per role."""

    def __init__(self, settings: S, *, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self.metrics = Metrics()

    @property
    def log_level(self) -> str:
        """The least severe level that the process logs."""
        return self._settings.log_level

    def trace(self, *, service: str, role: str) -> None:
        """Let the process send traces, if the settings say where to."""
        if self._settings.traces_url:
            from segops_common.telemetry.otlp import OtlpTracer

            settings = self._settings
            use_tracer(OtlpTracer(url=settings.traces_url, share=settings.traces_share, service=service, role=role))

    @property
    def request_budget_s(self) -> float:
        """How long a request may take, so that its response comes before the gateway gives up."""
        return self._settings.request_timeout_s - MARGIN_S

    @property
    @abstractmethod
    def migrations(self) -> Sequence[MigrationStep]:
        """The steps of the `migrate` role, in order."""

    @property
    def _service_token(self) -> str:
        """The token that this process sends."""
        return self._settings.service_token.get_secret_value()

    @property
    def _service_tokens(self) -> Sequence[str]:
        """The tokens that this process accepts."""
        other = self._settings.other_service_token.get_secret_value()
        return (self._service_token, other) if other else (self._service_token,)

    @property
    def _proxies(self) -> TrustedProxies:
        return TrustedProxies(networks=self._settings.trusted_proxies, hops=self._settings.trusted_proxy_hops)

    def _redis(self) -> AbstractAsyncContextManager[Redis]:
        """Open a client of the cache."""
        return opened_redis(self._settings.redis_url, access=self._settings.redis_access)

    def _breaker(self, redis: Redis, use: str) -> RedisBreaker:
        """Return the breaker of a client. Metrics show its failures under the name of what it is used for."""
        failures = self.metrics.counter(Metric.REDIS_FAILURES).labels(use)
        return RedisBreaker(redis=redis, clock=self._clock, on_failure=failures.inc)

    @asynccontextmanager
    async def _rate_limits(self, service: str, **quotas: Quota) -> AsyncIterator[RateLimits]:
        """Open the rate limits of the API: one for ordinary requests, and `quotas` by the kind of the route."""
        async with self._redis() as redis:
            throttle = RedisThrottle(
                redis=self._breaker(redis, "rate-limits"),
                clock=self._clock,
                service=service,
                on_fallback=self.metrics.counter(Metric.RATE_LIMITS_LOCAL).inc,
            )
            quotas[REQUESTS] = self._settings.requests
            yield RateLimits(meter=ReservingMeter(throttle), quotas=quotas, metrics=self.metrics)

    async def serve_api(self, app: FastAPI) -> None:
        """Serve the app until SIGTERM."""
        app.state.request_budget_s = self.request_budget_s
        await serve(app, self._address)

    async def serve_worker(self, title: str, *, checks: Mapping[str, Check], loops: Sequence[Loop]) -> None:
        """Run the loops, and serve the process's health and metrics, until SIGTERM."""
        await serve(worker_app(title=title, checks=checks, metrics=self.metrics), self._address, loops=loops)

    @property
    def _address(self) -> Address:
        settings = self._settings
        return Address(settings.http_host, settings.http_port, settings.drain_s, settings.internal_port)


class StreamServiceBootstrap(ServiceBootstrap[T]):
    """The same for a service that uses the event log and asks auth who its callers are.

    Raises ValueError when crash points are set outside SEGOPS_ENV=test.
    """

    def __init__(self, settings: T, *, clock: Clock | None = None) -> None:
        super().__init__(settings, clock=clock)
        self._faults = fault_points(env=settings.env, crash_at=settings.crash_at)

    def _event_log(self) -> AbstractAsyncContextManager[EventLog]:
        return opened_event_log(self._settings.event_log_url, clock=self._clock, access=self._settings.log_access)

    def _topic_creation(self, *topics: Topic) -> TopicCreation:
        return TopicCreation(self._settings.event_log_url, topics, self._clock, self._settings.log_access)

    def _authenticator(self, *, takes_sessions: bool = False) -> AbstractAsyncContextManager[Authenticator]:
        return opened_authenticator(
            auth_url=self._settings.auth_url,
            service_token=self._service_token,
            redis_url=self._settings.redis_url,
            redis_access=self._settings.redis_access,
            clock=self._clock,
            takes_sessions=takes_sessions,
        )

    def _consumer_loop(
        self,
        log: EventLog,
        handler: BatchHandler,
        *,
        group: str,
        topic: Topic,
        limits: Limits,
        record_intent: bool = False,
        kind: type[GroupLoop[Any]] = ConsumerLoop,
    ) -> GroupLoop[Any]:
        observer = LoopMetrics(self.metrics, self._clock)
        loop = kind(
            log=log,
            group=group,
            topic=topic,
            handler=handler,
            dead_letters=DeadLetterTopic(log=log),
            faults=self._faults,
            clock=self._clock,
            limits=limits,
            record_intent=record_intent,
            observer=observer,
        )
        observer.begin(topic.name, lambda: loop.health.ok)
        return loop
