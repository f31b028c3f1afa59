"""nginx serves the console: files, and one page at every address of a screen. What it is not, it never answers."""

from __future__ import annotations

import http.client
import json
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from segops_local.artifacts.console import BuiltConsole
from segops_local.errors import LocalError
from segops_local.gateway.nginx import Gateway, load_routes
from segops_local.state.ports import free_port

POLICY = "default-src 'none'; script-src 'self'; frame-ancestors 'none'"
PAGE = '<!doctype html><title>SegOps</title><script type="module" src="/assets/index-a1b2.js"></script>'
SCRIPT = "export const text = 'ü';\n" * 200


@pytest.fixture(scope="module")
async def url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    dist = tmp_path_factory.mktemp("dist")
    (dist / "assets").mkdir()
    (dist / "index.html").write_text(PAGE)
    (dist / "favicon.svg").write_text("<svg/>")
    (dist / "assets" / "index-a1b2.js").write_text(SCRIPT)
    (dist / "assets" / "index-c3d4.css").write_text("a { color: red }")
    table = load_routes()
    upstreams = {name: free_port() for name in table.upstreams}
    folder = tmp_path_factory.mktemp("gate way")
    gateway = Gateway(folder, upstreams=upstreams, table=table, console=lambda: BuiltConsole(dist, POLICY))
    await gateway.start()
    yield gateway.url
    await gateway.stop()


def problem(reply: httpx.Response) -> tuple[int, str]:
    assert reply.headers["Content-Type"] == "application/problem+json"
    document = json.loads(reply.content)
    assert document["instance"] == reply.headers["X-Request-Id"]
    return document["status"], document["type"].rpartition("/")[2]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/?tenant=acme",
        "/segments",
        "/segments/42",
        "/segments/42/rules?version=7&path=//..",
        "/segments/42/a.b",
        "/users/ada@example.com",
        "/users/a%2Fb",
        "/users/%2Fassets%2Fx.js",
        "/users/%2E%2Ea%5C/explain",
        "/users/a.js",
        "/settings/keys/",
        "/nothing-like-it",
        "/assets",
    ],
)
def test_every_address_of_a_screen_answers_the_page(url: str, path: str) -> None:
    reply = httpx.get(url + path)
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert reply.text == PAGE
    assert reply.headers["Cache-Control"] == "no-cache"
    again = httpx.get(url + path, headers={"If-None-Match": reply.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = httpx.head(url + path, headers={"Accept-Encoding": "identity"})
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(PAGE)))


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/assets/index-a1b2.js", "text/javascript; charset=utf-8"),
        ("/assets/index-c3d4.css", "text/css; charset=utf-8"),
        ("/favicon.svg", "image/svg+xml; charset=utf-8"),
        ("/", "text/html; charset=utf-8"),
    ],
)
def test_each_file_has_its_type_and_the_headers_that_bind_a_browser(url: str, path: str, kind: str) -> None:
    reply = httpx.get(url + path)
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, kind)
    for name, value in {
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
    }.items():
        assert reply.headers.get_list(name) == [value]
    assert "camera=()" in reply.headers["Permissions-Policy"]
    assert "Access-Control-Allow-Origin" not in reply.headers
    assert "Set-Cookie" not in reply.headers
    assert len(reply.headers["X-Request-Id"]) == 32
    unchanging = path.startswith("/assets/")
    assert reply.headers["Cache-Control"] == ("public, max-age=31536000, immutable" if unchanging else "no-cache")


def test_scripts_are_compressed_for_those_who_take_it(url: str) -> None:
    plain = httpx.get(f"{url}/assets/index-a1b2.js", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers
    packed = httpx.get(f"{url}/assets/index-a1b2.js", headers={"Accept-Encoding": "gzip"})
    assert (packed.headers["Content-Encoding"], packed.headers["Vary"]) == ("gzip", "Accept-Encoding")
    assert packed.text == plain.text == SCRIPT
    assert packed.num_bytes_downloaded < len(plain.content) / 4


@pytest.mark.parametrize(
    "path",
    [
        "/assets/absent.js",
        "/assets/index-a1b2.js.map",
        "/assets/",
        "/assets/deeper/index.html",
        "/absent.js",
        "/wp-login.php",
        "/.env",
        "/.git/config",
        "/.well-known/security.txt",
        "/.problem/404",
        "/api",
        "/api/",
        "/api/x",
        "/api/authx/",
        "/api.json",
        "/v1x",
        "/internal",
        "/internal/introspect/",
        "/metrics",
        "/sdkx",
        "/openapi",
        "/openapi.yaml",
        "/sdk/absent.tgz",
        "/nginx.conf",
    ],
)
def test_what_is_not_a_screen_does_not_exist(url: str, path: str) -> None:
    reply = httpx.get(url + path, headers={"Accept": "text/html"})
    assert problem(reply) == (404, "not-found")
    assert "Cache-Control" not in reply.headers, "a missing file may be there after the next deploy"


@pytest.mark.parametrize("path", ["/api/segments/", "/v1/track", "/api/auth/token/", "/readyz"])
def test_a_service_that_is_down_is_not_the_page(url: str, path: str) -> None:
    assert problem(httpx.get(url + path, headers={"Accept": "text/html"})) == (502, "bad-gateway")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/segments/../internal/", 404),
        ("/segments/../../internal/", 400),
        ("/segments/%2e%2e/%2E%2E/internal/", 400),
        ("/segments/..%2fnginx.conf", 404),
        ("/assets/..%2f..%2f..%2fnginx.conf", 400),
        ("/assets/../index.html", 404),
        ("//assets/index-a1b2.js", 404),
        ("/segments//42", 404),
        ("/segments/%2f42", 404),
        ("/segments/a%5Cb", 404),
        ("/segments/a%00", 400),
        ("/users/a%2F..%2F..%2Finternal", 404),
        ("/users/..", 404),
        ("/users/%2e%2e", 404),
        ("/users/a//b", 404),
        ("/users/a%00", 400),
        ("/%2e%2e", 400),
    ],
)
def test_a_path_that_could_be_read_in_two_ways_is_refused(url: str, path: str, status: int) -> None:
    connection = http.client.HTTPConnection(httpx.URL(url).netloc.decode())  # httpx would tidy the path up
    with closing(connection):
        connection.request("GET", path)
        response = connection.getresponse()
        assert response.headers["Content-Type"] == "application/problem+json"
        assert (response.status, json.loads(response.read())["status"]) == (status, status)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/", "/segments/42", "/assets/index-a1b2.js", "/favicon.svg"])
def test_the_console_is_only_read(url: str, path: str, method: str) -> None:
    reply = httpx.request(method, url + path, content=b"x=1" if method != "OPTIONS" else b"")
    assert problem(reply) == (405, "method-not-allowed")
    assert reply.headers.get_list("Allow") == ["GET, HEAD"]


def test_files_of_the_gateway_stay_where_they_were(url: str) -> None:
    assert httpx.get(f"{url}/healthz").json() == {"status": "ok"}
    assert httpx.get(f"{url}/openapi.json").json()["openapi"] == "3.1.0"
    assert b"swagger-ui" in httpx.get(f"{url}/api/docs/").content
    assert httpx.get(f"{url}/sdk/").headers["Content-Type"] == "application/json"
    assert httpx.get(f"{url}/sdk").status_code == 308


async def test_a_policy_that_would_break_the_configuration_is_refused(tmp_path: Path) -> None:
    table = load_routes()
    upstreams = {name: free_port() for name in table.upstreams}
    broken = BuiltConsole(tmp_path, "default-src 'self';\n}")
    gateway = Gateway(tmp_path / "gateway", upstreams=upstreams, table=table, console=lambda: broken)
    with pytest.raises(LocalError, match=r"console/csp\.txt must be one line"):
        await gateway.start()
