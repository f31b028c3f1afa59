"""Envoy with the configuration that is made from the route table: the table is the contract, not nginx."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import replace

import pytest

from segops_local.gateway.nginx import load_routes
from segops_local.state.ports import free_port
from segops_local.supervisor.services import SERVICES
from tests.integration.local.test_gateway import ABSENT, ROUTED, USER_PATHS, USERS, Fake, ask, fakes
from tests.shared.envoy import Envoy

MAX_STREAMS = 5
TABLE = replace(load_routes(), timeout_s=1, upload_timeout_s=1, max_streams=MAX_STREAMS)
DOWN = "membership"


@pytest.fixture(scope="module")
def servers() -> Iterator[Mapping[str, list[Fake]]]:
    """Two servers for each service."""
    with ExitStack() as stack:
        pairs = [stack.enter_context(fakes(SERVICES)) for _ in range(2)]
        yield {service: [pair[service] for pair in pairs] for service in SERVICES}


@pytest.fixture(scope="module")
async def port(servers: Mapping[str, list[Fake]], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[int]:
    upstreams = {name: tuple(server.server_port for server in both) for name, both in servers.items()}
    upstreams[DOWN] = (free_port(),)
    envoy = Envoy(tmp_path_factory.mktemp("envoy"), upstreams=upstreams, table=TABLE)
    await envoy.start()
    yield envoy.port
    await envoy.stop()


@pytest.mark.parametrize(("path", "service"), ROUTED)
def test_the_longest_prefix_decides_and_the_path_arrives_unchanged(port: int, path: str, service: str) -> None:
    reply = ask(port, path)
    request = json.loads(reply.body)
    assert (reply.status, request["service"], request["path"]) == (200, service, path)


@pytest.mark.parametrize("path", ABSENT)
def test_what_is_not_in_the_table_does_not_exist(port: int, path: str) -> None:
    reply = ask(port, path)
    assert reply.status == 404
    assert reply.problem["type"] == "https://segops.dev/problems/not-found"


@pytest.mark.parametrize(("id", "status"), [*USERS, ("a%00", 404)])
@pytest.mark.parametrize("rest", USER_PATHS)
def test_the_id_of_a_user_is_any_text(port: int, id: str, status: int, rest: str) -> None:
    assert ask(port, f"/api/explorer/users/{id}{rest}").status == status


def test_the_method_decides_where_two_services_share_a_path(port: int) -> None:
    for path in ("/api/segments/7/members/", "/api/segments/7/members"):
        put = ask(port, path, method="PUT", body=b"x")
        assert (put.status, json.loads(put.body)["service"]) == (200, "segments")
        get = ask(port, path)
        assert (get.status, get.problem["type"]) == (502, "https://segops.dev/problems/bad-gateway")
        assert get.headers["Retry-After"] == "1"


def test_both_servers_of_a_service_get_requests(port: int, servers: Mapping[str, list[Fake]]) -> None:
    missing = {server.server_port for server in servers["auth"]}
    requests = 0
    while missing and requests < 64:
        missing -= {json.loads(ask(port, "/api/auth/me/").body)["port"]}
        requests += 1
    assert not missing


def test_the_request_and_the_answer_of_a_service_are_not_touched(port: int) -> None:
    reply = ask(
        port,
        "/api/auth/absent",
        headers={"X-Request-Id": "abc-1", "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.9"},
    )
    request = json.loads(reply.body)
    assert (reply.status, request["service"]) == (404, "auth")
    assert request["headers"]["x-request-id"] == "abc-1"
    assert request["headers"]["x-forwarded-proto"] == "https"
    # The client cannot choose its address: Envoy appends what it sees.
    assert request["headers"]["x-forwarded-for"].startswith("192.0.2.9,")


def test_a_body_may_have_one_mebibyte_and_an_upload_more(port: int) -> None:
    full = ask(port, "/api/ingestion/batch/", method="POST", body=b"x" * 1_048_576)
    assert (full.status, json.loads(full.body)["bytes"]) == (200, 1_048_576)
    over = ask(port, "/api/ingestion/batch/", method="POST", body=b"x" * 1_048_577)
    assert over.status == 413
    assert over.problem["type"] == "https://segops.dev/problems/payload-too-large"
    upload = ask(port, "/api/segments/1/members/", method="PUT", body=b"x" * 2_000_000)
    assert (upload.status, json.loads(upload.body)["bytes"]) == (200, 2_000_000)


def test_a_page_may_read_what_the_gateway_refuses_of_its_events_and_nothing_else(port: int) -> None:
    over = ask(port, "/api/ingestion/batch/", method="POST", body=b"x" * 1_048_577)
    assert over.headers.get_all("Access-Control-Allow-Origin") == ["*"]
    for path in ("/api/segments/membership/", "/api/ingestionx/", "/nothing"):
        assert "Access-Control-Allow-Origin" not in ask(port, path).headers
    assert "Access-Control-Allow-Origin" not in ask(port, "/api/ingestion/track/", method="POST").headers


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/segments/slow"), ("PUT", "/api/segments/1/members/?slow")])
def test_a_service_that_does_not_answer_in_time_is_504(port: int, method: str, path: str) -> None:
    reply = ask(port, path, method=method)
    assert reply.status == 504
    assert reply.problem["type"] == "https://segops.dev/problems/gateway-timeout"
    assert reply.headers["Retry-After"] == "1"


def test_streams_have_a_limit_of_their_own(port: int, servers: Mapping[str, list[Fake]]) -> None:
    path = "/api/ingestion/events/stream/"
    with ExitStack() as stack:
        for _ in range(MAX_STREAMS):
            connection = stack.enter_context(closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)))
            connection.request("GET", path)
            assert connection.getresponse().readline() == b"data: 1\n"
        refused = ask(port, path)
        assert (refused.status, refused.headers["Retry-After"]) == (503, "5")
        assert refused.problem["type"] == "https://segops.dev/problems/too-many-streams"
        assert ask(port, "/api/ingestion/track/").status == 200
        for server in servers["ingest"]:
            server.second_event.set()


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /v1/track HTTP/1.1\r\n\r\n",
        b"POST /v1/t HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /v1/t HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n",
    ],
)
def test_what_is_not_http_is_refused_without_html(port: int, request_: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(request_)
        answer = connection.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"<" not in answer
