"""What every answer carries: an id, headers, problems without secrets, metrics; and what the process says of itself."""

from __future__ import annotations

import json
import logging
import uuid

import httpx
import pytest
from fastapi import FastAPI

from segops_common.core.clock import SystemClock
from segops_common.core.ids import SystemIds
from segops_common.core.problems import Conflict, Fault
from segops_common.security.api_keys import new_key
from segops_common.security.permissions import KeyKind
from segops_common.telemetry.logging import JsonFormatter
from segops_common.web.app import create_app, new_router
from segops_common.web.health import Schema
from segops_common.web.problems import MAX_TEXT, answer_for
from segops_testkit.http import in_process
from tests.unit.web.conftest import KEY, VIEWER, WRITER, Works


@pytest.mark.parametrize("request_id", ["a-request.of:mine_1", "0" * 128])
async def test_a_sane_request_id_comes_back(client: httpx.AsyncClient, request_id: str) -> None:
    answer = await client.get("/api/things/", headers={"X-Request-Id": request_id})
    assert answer.headers.get_list("x-request-id") == [request_id]


@pytest.mark.parametrize("request_id", [None, "", "a b", "x" * 129, 'a"b', "ä", "a\tb"])
async def test_any_other_is_replaced_by_a_uuid7(client: httpx.AsyncClient, request_id: str | None) -> None:
    headers = [] if request_id is None else [(b"X-Request-Id", request_id.encode())]
    answer = await client.get("/api/things/", headers=headers)
    assert uuid.UUID(answer.headers["x-request-id"]).version == 7


@pytest.mark.parametrize("path", ["/api/things/", "/nope", "/api//things", "/healthz"])
async def test_security_headers_are_on_every_answer(client: httpx.AsyncClient, path: str) -> None:
    headers = (await client.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert "server" not in headers


async def test_a_failure_is_logged_with_the_request_and_not_shown(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = await client.post("/api/things/", json={"name": "broken"}, headers=WRITER | {"X-Request-Id": "r-1"})
    assert (answer.status_code, answer.json()["type"]) == (500, "https://segops.dev/problems/internal-error")
    assert answer.headers["x-request-id"] == answer.json()["instance"] == "r-1"
    assert "hunter2" not in answer.text
    record = next(record for record in caplog.records if record.exc_info)
    assert record.__dict__["fields"] == {"method": "POST", "route": "/api/things/"}
    line = JsonFormatter(service="t", role="api").format(record)
    assert "RuntimeError" in line
    assert "sk_live_abc" not in line


@pytest.mark.parametrize(
    ("name", "status", "slug", "retry"),
    [("taken", 409, "name-taken", None), ("many", 429, "rate-limited", "7")],
)
async def test_a_problem_is_answered_as_it_was_raised(
    client: httpx.AsyncClient, name: str, status: int, slug: str, retry: str | None
) -> None:
    answer = await client.post("/api/things/", json={"name": name}, headers=WRITER)
    assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[1]) == (status, slug)
    assert answer.headers.get("retry-after") == retry


@pytest.mark.parametrize("before", ["", "x" * (MAX_TEXT - 20)])
def test_no_problem_shows_a_key(before: str) -> None:
    key = new_key(KeyKind.SECRET, SystemIds(SystemClock()))
    fault = Fault(f"{before}{key}", "taken", f"{before}`{key}` is taken")
    answer = answer_for(Conflict(f"{before}`{key}` is taken", errors=[fault]), "r-1")
    assert key[8:20].encode() not in bytes(answer.body)
    assert b"sk_live_" in bytes(answer.body)


@pytest.mark.parametrize(("path", "retry"), [("/api/things/away/warehouse/", "1"), ("/api/things/away/service/", "3")])
async def test_an_unavailable_store_is_a_503(client: httpx.AsyncClient, path: str, retry: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, retry)
    assert "10.0.0.7" not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "slug"),
    [
        ("POST", "/api/things/", VIEWER, 403, "insufficient-role"),
        ("POST", "/api/things/", KEY, 403, "insufficient-scope"),
        ("GET", "/api/things/1/", WRITER, 401, "api-key-required"),
        ("POST", "/api/things/secrets/", KEY, 401, "access-token-required"),
    ],
)
async def test_the_caller_is_judged_before_the_body(
    client: httpx.AsyncClient, method: str, path: str, headers: dict[str, str], status: int, slug: str
) -> None:
    answer = await client.request(method, path, content=b"{", headers=headers)
    assert (answer.status_code, answer.json()["type"].rsplit("/", 1)[1]) == (status, slug)


@pytest.mark.parametrize(("body", "name"), [(b"", ""), (b'{"name":"a"}', "a")])
async def test_an_optional_body_may_be_left_out(client: httpx.AsyncClient, body: bytes, name: str) -> None:
    headers = {"Content-Type": "application/json"} if body else {}
    answer = await client.post("/api/things/7/compute", content=body, headers=headers)
    assert (answer.status_code, answer.json()) == (202, {"number": 7, "name": name})


async def test_requests_are_counted_by_the_route_not_by_its_values(client: httpx.AsyncClient) -> None:
    for path in ("/api/things/1/", "/api/things/2", "/nope/1", "/nope/2"):
        await client.get(path, headers=KEY)
    text = (await client.get("/metrics")).text
    route = 'segops_http_request_seconds_count{method="GET",route="/api/things/{thing_id}/",status="200"} 2.0'
    assert route in text
    assert 'route="unrouted",status="404"} 2.0' in text


async def test_probes_are_not_counted(client: httpx.AsyncClient) -> None:
    for path in ("/livez", "/healthz", "/readyz", "/versions", "/metrics"):
        await client.get(path)
    text = (await client.get("/metrics")).text
    assert not any(f'route="{path}"' in text for path in ("/livez", "/healthz", "/readyz", "/versions", "/metrics"))


async def test_readiness_asks_the_checks_and_liveness_does_not(client: httpx.AsyncClient, works: Works) -> None:
    assert (await client.get("/readyz")).json() == {"status": "ok", "checks": {"engine": "ok"}}
    works.away = True
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["checks"]) == (503, {"engine": "ConnectionError"})
    assert [(await client.get(path)).status_code for path in ("/livez", "/healthz")] == [200, 200]


async def test_versions_of_schemas_are_said_or_not_known(client: httpx.AsyncClient, app: FastAPI) -> None:
    async def applied() -> int:
        return 3

    async def away() -> int:
        raise ConnectionError

    app.state.health.schemas = {"postgres": Schema(4, applied), "clickhouse": Schema(7, away)}
    assert (await client.get("/versions")).json() == {
        "schemas": {"postgres": {"applied": 3, "expected": 4}, "clickhouse": {"applied": None, "expected": 7}}
    }


async def test_a_draining_process_serves_and_is_not_ready(client: httpx.AsyncClient, app: FastAPI) -> None:
    app.state.health.draining = True
    assert (await client.get("/readyz")).status_code == 503
    assert (await client.get("/api/things/")).status_code == 200


async def test_resources_live_as_long_as_the_app(app: FastAPI, works: Works) -> None:
    async with in_process(app) as client:
        assert app.state.running is works
        assert (await client.get("/healthz")).status_code == 200
        assert works.closed == []
    assert works.closed == ["resources"]
    assert app.state.health.draining


def test_a_path_with_parameters_and_no_slash_cannot_be_made() -> None:
    router = new_router(tags=["x"])

    @router.get("/x/{number}")
    async def get_x(number: int) -> int:
        return number

    with pytest.raises(ValueError, match="must end in a slash"):
        create_app(title="x", description="x", lifespan=lambda: in_process(FastAPI()), routers=[router])  # type: ignore[arg-type, return-value]


async def test_slow_and_failed_requests_have_a_log_line(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="segops.access"):
        await client.get("/api/things/")
        await client.get("/api/things/away/service/", headers={"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"})
    lines = [json.loads(JsonFormatter(service="t", role="api").format(r)) for r in caplog.records if r.msg == "request"]
    assert [(line["fields"]["route"], line["fields"]["status"]) for line in lines] == [
        ("/api/things/away/service/", 503)
    ]
    assert lines[0]["fields"]["traceparent"] == f"00-{'a' * 32}-{'b' * 16}-01"
