"""Rate limits of routes: who is charged, what the headers say, and that no route is without."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import httpx
import pytest

from segops_common.core.rate_limit import MemoryThrottle, Quota
from segops_common.security.permissions import Scope
from segops_common.security.principal import Principal
from segops_common.telemetry.metrics import Metrics
from segops_common.web.app import Running, create_app, new_router
from segops_common.web.dependencies import require
from segops_common.web.request.charges import REQUESTS, RateLimits, charged
from segops_common.web.request.route import StrictRoute
from segops_ingest.app import api_app as ingest_app
from segops_segments.api.runs import ALL_SEGMENTS_COST, number_of_segments
from segops_testkit.http import in_process
from tests.unit.web.conftest import KEY, VIEWER, WRITER, MadeThing, Thing, Works, known_callers, router
from tests.unit.web.test_parameters import SERVICES, app_of, authenticator
from tests.unit.web.unreported import without_use_cases

# Ingest charges events, in its own route class.
PAGE_BODY = b'{"api_key":"page","batch":[1],"x":1}'
KINDS: dict[str, set[str]] = {
    "auth": {"sessions"},
    "ingest": {"events"},
    "segments": {"computes"},
    "membership": {"lookups", "analyses"},
}


PRICED = "priced"
priced_router = new_router(prefix="/api/things", tags=["things"])


@priced_router.post("/priced/", status_code=201)
@charged(PRICED, cost=lambda _: 3)
async def create_priced(thing: Thing, caller: Annotated[Principal, require(Scope.SEGMENTS_WRITE)]) -> MadeThing:
    """Make a thing that costs 3."""
    return MadeThing(number=1, name=thing.name)


@pytest.fixture
async def limited(works: Works) -> AsyncIterator[httpx.AsyncClient]:
    """The things, with three requests a minute for a caller and five for a tenant."""
    metrics = Metrics()
    limits = RateLimits(
        meter=MemoryThrottle(clock=works.clock),
        quotas={REQUESTS: Quota(per_key=3, per_tenant=5), PRICED: Quota(per_key=3, per_tenant=5)},
        metrics=metrics,
    )

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[Running[Works]]:
        yield Running(works, known_callers(), rate_limits=limits)

    app = create_app(
        title="Things", description="x", lifespan=lifespan, routers=[priced_router, router], metrics=metrics
    )
    async with in_process(app) as client:
        yield client


async def test_a_caller_sees_its_limits_and_what_is_left(limited: httpx.AsyncClient) -> None:
    answer = await limited.get("/api/things/7/", headers=KEY)
    assert answer.status_code == 200
    assert answer.headers["RateLimit-Policy"] == '"requests-key";q=3;w=60, "requests-tenant";q=5;w=60'
    assert answer.headers["RateLimit"] == '"requests-key";r=2;t=20, "requests-tenant";r=4;t=12'


async def test_beyond_a_limit_the_caller_waits_and_the_body_is_not_read(
    limited: httpx.AsyncClient, works: Works
) -> None:
    for _ in range(3):
        assert (await limited.post("/api/things/", headers=WRITER, json={"name": "a"})).status_code == 201
    answer = await limited.post("/api/things/", headers=WRITER, content=b"{")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "20")
    assert answer.json()["type"].endswith("/rate-limited")
    assert answer.headers["RateLimit"] == '"requests-key";r=0;t=20'
    assert 'segops_rate_limited_total{kind="requests"} 1.0' in (await limited.get("/metrics")).text
    works.clock.advance(20)
    assert (await limited.post("/api/things/", headers=WRITER, json={"name": "a"})).status_code == 201


async def test_callers_of_a_tenant_share_its_limit(limited: httpx.AsyncClient) -> None:
    for _ in range(3):
        assert (await limited.post("/api/things/", headers=WRITER, json={"name": "a"})).status_code == 201
    for _ in range(2):
        assert (await limited.get("/api/things/7/", headers=KEY)).status_code == 200
    answer = await limited.get("/api/things/7/", headers=KEY)
    assert (answer.status_code, answer.headers["RateLimit"]) == (429, '"requests-tenant";r=0;t=12')


async def test_problems_say_what_is_left_too(limited: httpx.AsyncClient) -> None:
    answer = await limited.post("/api/things/", headers=WRITER, json={})
    assert (answer.status_code, answer.headers["RateLimit"].partition(",")[0]) == (422, '"requests-key";r=2;t=20')


REFUSED: dict[str, tuple[int, str, str, dict[str, str], bytes]] = {
    "unknown parameter": (422, "POST", "/api/things/?page=2", WRITER, b"{}"),
    "malformed query": (400, "POST", "/api/things/?a=%ff", WRITER, b"{}"),
    "malformed JSON": (400, "POST", "/api/things/", WRITER, b"{"),
    "insufficient role": (403, "POST", "/api/things/", VIEWER, b"{}"),
    "wrong kind": (401, "GET", "/api/things/7/", WRITER, b""),
    "not a number": (422, "GET", "/api/things/x/", KEY, b""),
    "priced by its body: unknown parameter": (422, "POST", "/api/things/priced/?page=2", WRITER, b"{}"),
    "priced by its body: malformed JSON": (400, "POST", "/api/things/priced/", WRITER, b"{"),
    "priced by its body: insufficient role": (403, "POST", "/api/things/priced/", VIEWER, b"{}"),
}


@pytest.mark.parametrize(("status", "method", "url", "who", "body"), REFUSED.values(), ids=REFUSED.keys())
async def test_a_refused_request_of_a_known_caller_costs_one(
    limited: httpx.AsyncClient, status: int, method: str, url: str, who: dict[str, str], body: bytes
) -> None:
    headers = who | {"Content-Type": "application/json"}
    for left in (2, 1, 0):
        answer = await limited.request(method, url, headers=headers, content=body)
        assert answer.status_code == status
        assert f'-key";r={left};' in answer.headers["RateLimit"]
    assert (await limited.request(method, url, headers=headers, content=body)).status_code == 429


@pytest.mark.parametrize(
    ("status", "url", "body"), [(422, "?page=2", b"{}"), (400, "", b"{"), (400, "", b"[" * 10_000)]
)
async def test_ingestion_charges_a_refused_call_as_one_event(works: Works, status: int, url: str, body: bytes) -> None:
    limits = RateLimits(
        meter=MemoryThrottle(clock=works.clock), quotas={"events": Quota(per_key=5, per_tenant=0)}, metrics=Metrics()
    )

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[Running[Any]]:
        yield Running(without_use_cases(), authenticator(), rate_limits=limits)

    headers = KEY | {"Content-Type": "application/json"}
    async with in_process(ingest_app(lifespan)) as client:
        answer = await client.post(f"/api/ingestion/batch/{url}", headers=headers, content=body)
        assert (answer.status_code, answer.headers["RateLimit"]) == (status, '"events-key";r=4;t=12')


async def test_ingestion_charges_each_event_of_a_batch(works: Works) -> None:
    limits = RateLimits(
        meter=MemoryThrottle(clock=works.clock), quotas={"events": Quota(per_key=5, per_tenant=0)}, metrics=Metrics()
    )

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[Running[Any]]:
        yield Running(without_use_cases(), authenticator(), rate_limits=limits)

    async with in_process(ingest_app(lifespan)) as client:
        # The batch is not valid, so that nothing has to be stored.
        answer = await client.post("/api/ingestion/batch/", headers=KEY, json={"batch": [1, 2, 3, 4], "x": 1})
        assert (answer.status_code, answer.headers["RateLimit"]) == (422, '"events-key";r=1;t=48')
        answer = await client.post("/api/ingestion/batch/", headers=KEY, json={"batch": [1, 2], "x": 1})
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "12")
        text = {"Content-Type": "text/plain"}
        answer = await client.post("/api/ingestion/batch/", headers=text, content=PAGE_BODY)
        assert (answer.status_code, answer.headers["RateLimit"]) == (422, '"events-key";r=4;t=12')


@pytest.mark.parametrize("service", SERVICES)
def test_every_route_has_a_kind_that_the_service_limits(service: str) -> None:
    kinds = {route.charged.kind for route in app_of(service).routes if isinstance(route, StrictRoute)}
    assert kinds - {REQUESTS} == KINDS[service]


@pytest.mark.parametrize(
    ("body", "cost"),
    [({"segment_ids": [1, 2, 3]}, 3), ({"tenant": 1}, ALL_SEGMENTS_COST), ({"segment_ids": "x"}, ALL_SEGMENTS_COST)],
)
def test_computing_costs_the_number_of_segments(body: dict[str, object], cost: int) -> None:
    assert number_of_segments(body) == cost
