"""nginx with the committed route table, in front of servers that return what reached them."""

import http.client
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from segops_local.errors import LocalError
from segops_local.gateway.nginx import Gateway, load_routes
from segops_local.state.ports import free_port

SERVICES = ("auth", "ingest", "membership", "segments", "status")


class Fake(ThreadingHTTPServer):
    """Answers every request with what it saw; a path ending in `slow` never answers, one in `stream/` sends two events."""

    daemon_threads = True

    def __init__(self, name: str) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.name = name
        self.second_event = threading.Event()
        self.slow = threading.Event()


class Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Fake

    def do_GET(self) -> None:
        if self.path.endswith("/slow"):
            self.server.slow.wait(10)
        if self.path.endswith("stream/"):
            self._stream()
            return
        size = int(self.headers.get("Content-Length") or 0)
        request = {
            "service": self.server.name,
            "path": self.path,
            "bytes": len(self.rfile.read(size)),
            "headers": dict(self.headers),
        }
        body = json.dumps(request).encode()
        self.send_response(404 if self.path.endswith("/absent") else 200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Request-Id", "from-the-service")
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()

    def _stream(self) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(b"data: 1\n\n")
        self.wfile.flush()
        self.server.second_event.wait(10)
        self.wfile.write(b"data: 2\n\n")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def fakes(names: tuple[str, ...]) -> Iterator[dict[str, Fake]]:
    servers = {name: Fake(name) for name in names}
    for server in servers.values():
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield servers
    finally:
        for server in servers.values():
            server.slow.set()
            server.second_event.set()
            server.shutdown()
            server.server_close()


@pytest.fixture(scope="module")
def upstreams() -> Iterator[dict[str, Fake]]:
    with fakes(SERVICES) as servers:
        yield servers


@pytest.fixture(scope="module")
async def port(upstreams: Mapping[str, Fake], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[int]:
    ports = {name: server.server_port for name, server in upstreams.items()}
    ports["membership"] = free_port()  # a port without a listener: the service is down
    table = replace(load_routes(), timeout_s=1)
    gateway = Gateway(tmp_path_factory.mktemp("gate way"), upstreams=ports, table=table)
    await gateway.start()
    yield gateway.port
    await gateway.stop()


class Reply:
    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def problem(self) -> dict[str, object]:
        assert self.headers["Content-Type"] == "application/problem+json"
        document = json.loads(self.body)
        assert document["status"] == self.status
        assert document["instance"] == self.headers["X-Request-Id"]
        assert isinstance(document, dict)
        return document


def ask(
    port: int, path: str, *, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body=body, headers=dict(headers or {}))
        return Reply(connection.getresponse())
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/api/auth/token/", "auth"),
        ("/api/auth/token", "auth"),
        ("/api/auth", "auth"),
        ("/api/ingestion/track/?x=//..", "ingest"),
        ("/v1/track", "ingest"),
        ("/v1", "ingest"),
        ("/api/segments/", "segments"),
        ("/api/segments", "segments"),
        ("/api/segments/42/compute/", "segments"),
        ("/api/segments/membershipx/", "segments"),
        ("/api/ingestion/profiles/a%2Fb%20c/", "ingest"),
        ("/readyz", "status"),
    ],
)
def test_the_longest_prefix_decides_and_the_path_arrives_unchanged(port: int, path: str, service: str) -> None:
    reply = ask(port, path)
    request = json.loads(reply.body)
    assert (reply.status, request["service"], request["path"]) == (200, service, path)


@pytest.mark.parametrize("path", ["/api/segments/membership/?user_id=u", "/api/segments/membership"])
def test_membership_is_not_taken_for_a_segment_and_a_service_that_is_down_is_502(port: int, path: str) -> None:
    reply = ask(port, path)
    assert reply.status == 502
    assert reply.problem["type"] == "https://segops.dev/problems/bad-gateway"
    assert reply.headers["Retry-After"] == "1"


@pytest.mark.parametrize(
    "path",
    [
        "/internal/introspect/",
        "/api/auth/../../internal/introspect/",
        "/api/auth/%2e%2e/%2E%2E/internal/introspect/",
        "/api/auth/%2e./segments/",
        "/api/auth/..",
        "/api/auth/..%2f..%2finternal/",
        "//internal/introspect/",
        "/api//auth/token/",
        "/api/auth/%2ftoken/",
        "/api/auth/..\\internal/",
        "/metrics",
        "/openapi.json",
        "/api/",
        "/api/authx/",
        "/v1x",
    ],
)
def test_what_is_not_in_the_table_does_not_exist(port: int, path: str) -> None:
    reply = ask(port, path)
    assert reply.status == 404
    assert reply.problem["type"] == "https://segops.dev/problems/not-found"


def test_a_request_id_is_passed_on_or_made(port: int) -> None:
    reply = ask(port, "/api/auth/me/", headers={"X-Request-Id": "abc-1"})
    assert json.loads(reply.body)["headers"]["X-Request-Id"] == "abc-1"
    assert reply.headers.get_all("X-Request-Id") == ["abc-1"]
    made = ask(port, "/api/auth/me/")
    assert len(made.headers["X-Request-Id"]) == 32
    assert json.loads(made.body)["headers"]["X-Request-Id"] == made.headers["X-Request-Id"]


def test_a_request_id_that_could_break_a_log_line_is_replaced(port: int) -> None:
    reply = ask(port, "/nothing", headers={"X-Request-Id": 'a"b c'})
    assert reply.problem["instance"] == reply.headers["X-Request-Id"] != 'a"b c'


def test_the_answer_of_a_service_is_not_touched(port: int) -> None:
    reply = ask(port, "/api/auth/absent")
    assert reply.status == 404
    assert json.loads(reply.body)["service"] == "auth"


def test_a_body_may_have_one_mebibyte(port: int) -> None:
    full = ask(port, "/api/ingestion/batch/", method="POST", body=b"x" * 1_048_576)
    assert (full.status, json.loads(full.body)["bytes"]) == (200, 1_048_576)
    over = ask(port, "/api/ingestion/batch/", method="POST", body=b"x" * 1_048_577)
    assert over.status == 413
    assert over.problem["type"] == "https://segops.dev/problems/payload-too-large"


def test_a_page_may_read_what_the_gateway_refuses_of_its_events_and_nothing_else(port: int) -> None:
    page = {"Origin": "https://www.example.com"}
    over = ask(port, "/api/ingestion/batch/", method="POST", body=b"x" * 1_048_577, headers=page)
    assert (over.status, over.headers.get_all("Access-Control-Allow-Origin")) == (413, ["*"])
    assert over.headers.get_all("Access-Control-Expose-Headers") == ["Retry-After, X-Request-Id"]
    assert over.problem["instance"] == over.headers["X-Request-Id"]
    for path in ("/api/segments/membership/", "/api/ingestionx/", "/"):
        assert "Access-Control-Allow-Origin" not in ask(port, path, headers=page).headers
    passed_on = ask(port, "/api/ingestion/track/", method="POST", headers=page)
    assert "Access-Control-Allow-Origin" not in passed_on.headers, "the service says it, and only once"


def test_a_service_that_does_not_answer_in_time_is_504(port: int) -> None:
    reply = ask(port, "/api/segments/slow")
    assert reply.status == 504
    assert reply.problem["type"] == "https://segops.dev/problems/gateway-timeout"


def test_a_request_that_is_not_http_is_400(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(b"GET /v1/track HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
        answer = connection.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"application/problem+json" in answer


def test_events_of_a_stream_arrive_one_by_one(port: int, upstreams: Mapping[str, Fake]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/api/ingestion/events/stream/")
    response = connection.getresponse()
    assert response.readline() == b"data: 1\n"  # the second was not sent yet
    threading.Event().wait(1.2)  # longer than the time-out of other routes
    upstreams["ingest"].second_event.set()
    assert response.read() == b"\ndata: 2\n\n"
    connection.close()


def test_the_gateway_answers_health_and_index(port: int) -> None:
    assert json.loads(ask(port, "/healthz").body) == {"status": "ok"}
    assert json.loads(ask(port, "/").body)["membership"] == "/api/segments/membership/?user_id="


async def test_a_port_that_is_taken_is_one_clear_line(upstreams: Mapping[str, Fake], tmp_path: Path) -> None:
    ports = {name: server.server_port for name, server in upstreams.items()}
    gateway = Gateway(tmp_path, ports["auth"], upstreams=ports, table=load_routes())
    with pytest.raises(LocalError, match=rf"^Port {ports['auth']} .* is already taken: "):
        await gateway.start()
    assert not gateway.running
