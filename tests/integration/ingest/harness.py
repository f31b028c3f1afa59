"""The ingestion API on any event log and a real Redis, called in process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from random import Random

import httpx
from fastapi import FastAPI

from segops_common.core.clock import SystemClock
from segops_common.core.ids import SystemIds
from segops_common.core.problems import Unauthenticated
from segops_common.security.permissions import KeyKind, Role, Scope
from segops_common.security.principal import KeyPrincipal, Principal, Session, UserPrincipal
from segops_common.stores.redis import create_redis
from segops_common.stores.redis_breaker import RedisBreaker
from segops_common.streams.log import EventLog
from segops_common.streams.open import open_event_log
from segops_common.telemetry.metrics import Metrics
from segops_common.web.app import Running
from segops_ingest.adapters.memory.dead_letters import MemoryDeadLetters
from segops_ingest.adapters.memory.event_schemas import MemoryEventSchemas
from segops_ingest.adapters.memory.identity_claims import MemoryIdentityClaims
from segops_ingest.adapters.memory.tenant_directory import MemoryTenantDirectory
from segops_ingest.adapters.metrics import IngestMetrics
from segops_ingest.adapters.redis.event_memory import RedisEventMemory
from segops_ingest.adapters.redis.rejections import RedisRejectionLog
from segops_ingest.app import api_app
from segops_ingest.service.accept_events import Ingest
from segops_ingest.service.aliases import Aliases
from segops_ingest.service.dead_letters import DeadLetterReplays
from segops_ingest.service.rejections import Rejections
from segops_ingest.service.sandbox import Sandbox
from segops_ingest.service.use_cases import UseCases

PAGE = "https://www.example.com"


PAGE_KEY = KeyPrincipal(
    key_id=2,
    tenant_id=7,
    scopes=frozenset({Scope.EVENTS_WRITE}),
    kind=KeyKind.PUBLISHABLE,
    allowed_origins=frozenset({PAGE}),
    requires_signed_user_id=True,
)


def _key(tenant_id: int, scope: Scope, *origins: str, kind: KeyKind = KeyKind.SECRET) -> KeyPrincipal:
    return KeyPrincipal(
        key_id=1, tenant_id=tenant_id, scopes=frozenset({scope}), kind=kind, allowed_origins=frozenset(origins)
    )


PRINCIPALS: dict[str, Principal] = {
    "ApiKey writer": _key(7, Scope.EVENTS_WRITE),
    "ApiKey neighbour": _key(8, Scope.EVENTS_WRITE),
    "ApiKey page": _key(7, Scope.EVENTS_WRITE, PAGE, "http://localhost:3000", kind=KeyKind.PUBLISHABLE),
    "ApiKey any-page": _key(7, Scope.EVENTS_WRITE, "*", kind=KeyKind.PUBLISHABLE),
    "ApiKey no-page": _key(7, Scope.EVENTS_WRITE, kind=KeyKind.PUBLISHABLE),
    "ApiKey reader": _key(7, Scope.MEMBERSHIP_READ),
    "ApiKey signing": PAGE_KEY,
    "Bearer ada": replace(PAGE_KEY, session=Session(uid="ada", is_anonymous=False)),
    "Bearer signed": replace(PAGE_KEY, session=Session(uid="sue", is_anonymous=False, is_signed=True)),
    "Bearer visitor": replace(PAGE_KEY, session=Session(uid="anon_7", is_anonymous=True)),
    "ApiKey explorer": _key(31, Scope.EVENTS_READ),
    "ApiKey sender": _key(31, Scope.EVENTS_WRITE),
    "Bearer owner": UserPrincipal(user_id=1, roles={7: Role.OWNER}),
    "Bearer viewer": UserPrincipal(user_id=2, roles={31: Role.VIEWER}),
    "Bearer member": UserPrincipal(user_id=3, roles={31: Role.MEMBER}),
    "Bearer both": UserPrincipal(user_id=4, roles={7: Role.VIEWER, 31: Role.VIEWER}, known_slugs={31: "thirty-one"}),
}


class KnownCallers:
    """Knows a few credentials."""

    async def authenticate(self, authorization: str | None) -> Principal:
        if authorization not in PRINCIPALS:
            raise Unauthenticated("Not a known credential.")
        return PRINCIPALS[authorization]


@dataclass(frozen=True, slots=True)
class Api:
    """The running API, and what it writes to."""

    app: FastAPI
    http: httpx.AsyncClient
    log: EventLog
    metrics: Metrics
    directory: MemoryTenantDirectory
    letters: MemoryDeadLetters
    rejections: Rejections
    schemas: MemoryEventSchemas


@asynccontextmanager
async def opened(event_log_url: str, redis_url: str) -> AsyncIterator[Api]:
    """The API over these engines."""
    clock, metrics = SystemClock(), Metrics()
    log, redis = open_event_log(event_log_url, clock=clock), create_redis(redis_url, timeout_s=2)
    schemas = MemoryEventSchemas()
    service = Ingest(
        log=log,
        memory=RedisEventMemory(redis=RedisBreaker(redis=redis, clock=clock)),
        ids=SystemIds(clock),
        clock=clock,
        random=Random(1),
        observer=IngestMetrics(metrics),
        schemas=schemas,
    )

    directory, letters = MemoryTenantDirectory(), MemoryDeadLetters()
    rejections = Rejections(
        log=RedisRejectionLog(redis=RedisBreaker(redis=redis, clock=clock), clock=clock),
        directory=directory,
        ids=SystemIds(clock),
        clock=clock,
    )
    replays = DeadLetterReplays(letters=letters, ingest=service, clock=clock)
    aliases = Aliases(claims=MemoryIdentityClaims(), ingest=service, clock=clock)
    use_cases = UseCases(service, rejections, replays, Sandbox(directory=directory, ingest=service), aliases)

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[Running[UseCases]]:
        yield Running(use_cases, authenticator=KnownCallers(), checks={"event-log": log.check})

    app = api_app(lifespan, metrics)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=transport, base_url="http://ingest", headers={"Authorization": "ApiKey writer"}
        ) as http,
    ):
        yield Api(app, http, log, metrics, directory, letters, rejections, schemas)
    await log.close()
    await redis.aclose()
