"""nginx with the committed route table, in front of servers that return what reached them."""

import http.client
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from segops_local.errors import LocalError
from segops_local.gateway.nginx import Gateway, load_routes
from segops_local.state.ports import free_port

MAX_STREAMS = 5
SERVICES = ("auth", "ingest", "membership", "segments", "status", "mailbox")


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
        if self.path.endswith(("/slow", "?slow")):
            self.server.slow.wait(10)
        if self.path.endswith("stream/"):
            self._stream()
            return
        size = int(self.headers.get("Content-Length") or 0)
        request = {
            "service": self.server.name,
            "port": self.server.server_port,
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

    def do_PUT(self) -> None:
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
    table = replace(load_routes(), timeout_s=1, upload_timeout_s=1, max_streams=MAX_STREAMS)
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


# What every gateway does that routes by the table: test_envoy.py has Envoy do the same.
ROUTED = (
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
)
ABSENT = (
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
    "/api/",
    "/api/authx/",
    "/v1x",
)
USERS = (
    ("a%2Fb", 502),
    ("%2Fa%2F%2fb%5C", 502),
    ("%252F%2e%2ea%3F%C3%BC", 502),
    ("a%2F..%2F..%2F..%2Fauth%2Fme", 404),
    ("%2e%2e", 404),
    ("a//b", 404),
)
"""Ids of users as they are in a path, and the status when the service is down: 502 proves that it was asked."""
USER_PATHS = ("", "/", "/segments/7/explain/?limit=%2F%2F")


@pytest.mark.parametrize(("path", "service"), [*ROUTED, ("/readyz", "status"), ("/dev/mail/", "mailbox")])
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


@pytest.mark.parametrize(("id", "status"), [*USERS, ("a%00", 400)])
@pytest.mark.parametrize("rest", USER_PATHS)
def test_the_id_of_a_user_is_any_text(port: int, id: str, status: int, rest: str) -> None:
    # The service is down, which proves that the gateway asked it.
    assert ask(port, f"/api/explorer/users/{id}{rest}").status == status


@pytest.mark.parametrize("path", ABSENT)
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


def test_a_refused_upload_beyond_the_limit_of_other_bodies_is_a_problem_document(port: int) -> None:
    reply = ask(port, "/api/segments/1/members/?slow", method="PUT", body=b"x" * 1_048_577)
    assert reply.status == 504
    assert reply.problem["type"] == "https://segops.dev/problems/gateway-timeout"


def http_head(line: str, *headers: str) -> bytes:
    return "\r\n".join([line, *(headers or ["Host: a"]), "", ""]).encode("latin-1")


REFUSED = {
    "two hosts": (http_head("GET /v1/track HTTP/1.1", "Host: a", "Host: b"), 400, "malformed-request"),
    "no host": (http_head("GET / HTTP/1.1", "X: y"), 400, "malformed-request"),
    "a bad host": (http_head("GET / HTTP/1.1", "Host: a/b"), 400, "malformed-request"),
    "NUL in the path": (http_head("GET /%00 HTTP/1.1"), 400, "malformed-request"),
    "NUL in a longer path": (http_head("GET /api/auth/%00 HTTP/1.1"), 400, "malformed-request"),
    "a half escape": (http_head("GET /%a HTTP/1.1"), 400, "malformed-request"),
    "above the root": (http_head("GET /../x HTTP/1.1"), 400, "malformed-request"),
    "no path": (http_head("GET HTTP/1.1"), 400, "malformed-request"),
    "no slash": (http_head("GET x HTTP/1.1"), 400, "malformed-request"),
    "a blank line": (b" \r\n\r\n", 400, "malformed-request"),
    "lower case": (http_head("get / HTTP/1.1"), 400, "malformed-request"),
    "nonsense": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n", 400, "malformed-request"),
    "a long path": (http_head("GET /" + "a" * 40_000 + " HTTP/1.1"), 414, "uri-too-long"),
    "HTTP/3.0": (http_head("GET / HTTP/3.0"), 400, "malformed-request"),
    "HTTP/1.x": (http_head("GET / HTTP/1.x"), 400, "malformed-request"),
    "the preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "malformed-request"),
    "a long header": (http_head("GET / HTTP/1.1", "Host: a", "X: " + "a" * 20_000), 431, "headers-too-large"),
    "many headers": (
        http_head("GET / HTTP/1.1", "Host: a", *(f"X{n}: {'a' * 8_000}" for n in range(20))),
        431,
        "headers-too-large",
    ),
    "NUL in a header": (http_head("GET / HTTP/1.1", "Host: a", "X: a\0b"), 400, "malformed-request"),
    "a coding": (http_head("POST /v1/t HTTP/1.1", "Host: a", "Transfer-Encoding: gzip"), 400, "malformed-request"),
    "two lengths": (
        http_head("POST /v1/t HTTP/1.1", "Host: a", "Content-Length: 1", "Content-Length: 2"),
        400,
        "malformed-request",
    ),
    "length and chunks": (
        http_head("POST /v1/t HTTP/1.1", "Host: a", "Content-Length: 1", "Transfer-Encoding: chunked"),
        400,
        "malformed-request",
    ),
    "a bad length": (http_head("POST /v1/t HTTP/1.1", "Host: a", "Content-Length: x"), 400, "malformed-request"),
    "a huge length": (http_head("POST /v1/t HTTP/1.1", "Host: a", "Content-Length: 9999999"), 413, "payload-too-large"),
    "a bad chunk": (
        http_head("POST /v1/t HTTP/1.1", "Host: a", "Transfer-Encoding: chunked") + b"zz\r\n",
        400,
        "malformed-request",
    ),
    "TRACE": (http_head("TRACE / HTTP/1.1"), 405, "method-not-allowed"),
    "CONNECT": (http_head("CONNECT a:1 HTTP/1.1"), 405, "method-not-allowed"),
    "a condition": (http_head("GET / HTTP/1.1", "Host: a", 'If-Match: "x"'), 412, "precondition-failed"),
    "a problem page": (http_head("GET /.problem/400 HTTP/1.1"), 404, "not-found"),
    "a problem page and more": (http_head("GET /.problem/400/../../internal/ HTTP/1.1"), 404, "not-found"),
}


@pytest.mark.parametrize(("request_", "status", "slug"), REFUSED.values(), ids=REFUSED.keys())
def test_what_nginx_refuses_is_a_problem_document(port: int, request_: bytes, status: int, slug: str) -> None:
    head, _, body = exchange(port, request_).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), head
    assert b"Content-Type: application/problem+json" in head
    assert (b"Allow: GET, HEAD" in head) == (status == 405)
    problem = json.loads(body)
    assert (problem["status"], problem["type"].rsplit("/", 1)[1]) == (status, slug)
    assert problem["instance"].encode() in head
    assert problem["errors"] == []


def test_http_without_headers_gets_a_problem_without_headers(port: int) -> None:
    assert json.loads(exchange(port, b"GET /\r\n"))["detail"] == "The version of HTTP must be 1.0 or 1.1."


@pytest.mark.parametrize("request_", [b"", b"\r\n\r\n", b"GET / HT"], ids=repr)
def test_a_connection_that_ends_before_a_request_gets_no_answer(port: int, request_: bytes) -> None:
    assert exchange(port, request_) == b""


def exchange(port: int, request: bytes) -> bytes:
    """Return what nginx answers until it closes, after the client has ended its side."""
    answer = b""
    # nginx may wait 5 s for the rest of a body that it has refused.
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        with suppress(ConnectionError):
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
        with suppress(ConnectionError):
            while part := connection.recv(65_536):
                answer += part
    return answer


def test_a_client_cannot_choose_its_address(port: int) -> None:
    headers = {"X-Forwarded-For": "192.0.2.1"}
    assert (
        json.loads(ask(port, "/v1/track", headers=headers).body)["headers"]["X-Forwarded-For"] == "192.0.2.1, 127.0.0.1"
    )


def test_streams_beyond_the_limit_are_refused_and_other_routes_answer(port: int, upstreams: Mapping[str, Fake]) -> None:
    with ExitStack() as stack:
        for _ in range(MAX_STREAMS):
            connection = stack.enter_context(closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)))
            connection.request("GET", "/api/ingestion/events/stream/")
            assert connection.getresponse().readline() == b"data: 1\n"
        over = ask(port, "/api/ingestion/events/stream/")
        assert (over.status, over.headers["Retry-After"]) == (503, "5")
        assert over.problem["type"] == "https://segops.dev/problems/too-many-streams"
        assert ask(port, "/api/segments/1/runs/2/events/").problem["type"].endswith("/too-many-streams")  # type: ignore[attr-defined]
        assert ask(port, "/api/segments/1/runs/2/").status == 200
        assert ask(port, "/api/ingestion/track/", method="POST").status == 200
    upstreams["ingest"].second_event.set()


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
