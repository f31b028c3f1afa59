"""nginx serves the OpenAPI document, its rendered reference, the SDKs and the documentation as files."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from segops_local.gateway.nginx import Gateway, load_routes
from segops_local.gateway.pages import publish_site
from segops_local.state.ports import free_port


@pytest.fixture(scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    table = load_routes()
    upstreams = {name: free_port() for name in table.upstreams}
    gateway = Gateway(tmp_path_factory.mktemp("gate way"), upstreams=upstreams, table=table)
    await gateway.start()
    yield gateway
    await gateway.stop()


@pytest.fixture(scope="module")
def url(gateway: Gateway) -> str:
    return gateway.url


@pytest.mark.parametrize(
    ("path", "kind", "part"),
    [
        ("/openapi.json", "application/json", b'"openapi": "3.1.0"'),
        ("/api/docs/", "text/html", b'<script src="reference.js">'),
        ("/api/docs/reference.js", "text/javascript", b"'/openapi.json'"),
        ("/api/docs/swagger-ui-bundle.js", "text/javascript", b"SwaggerUIBundle"),
        ("/api/docs/swagger-ui.css", "text/css", b".swagger-ui"),
        ("/sdk/", "application/json", b"["),
    ],
)
def test_the_reference_and_the_sdks_are_served_as_files(url: str, path: str, kind: str, part: bytes) -> None:
    reply = httpx.get(url + path)
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, kind)
    assert reply.headers["X-Request-Id"]
    assert part in reply.content
    refused = httpx.post(url + path)
    assert refused.status_code in (403, 405)
    assert refused.headers["Content-Type"] == "application/problem+json"


def test_the_reference_loads_nothing_from_elsewhere(url: str) -> None:
    reply = httpx.get(f"{url}/api/docs/")
    policy = reply.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "http" not in policy
    assert b"//" not in reply.content.replace(b"<!doctype html>", b"")
    for path in ("/api/docs/absent.js", "/sdk/absent.tgz", "/api/docs/..%2f..%2fnginx.conf"):
        assert httpx.get(url + path).status_code == 404, path


def documentation(folder: Path, text: str) -> Path:
    for name in ("index.html", "quickstart/index.html", "problems/not-found/index.html", "problems/index.html"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"<p>{text}: {name}")
    (folder / "llms.txt").write_text("# Über SegOps")
    return folder


def test_the_documentation_is_served_as_soon_as_it_is_built(gateway: Gateway, tmp_path: Path) -> None:
    address = f"{gateway.url}/docs/"
    assert httpx.get(address).status_code == 404
    publish_site(gateway.state_dir, documentation(tmp_path / "first", "first"), gateway.identity)
    assert httpx.get(address).text == "<p>first: index.html"
    publish_site(gateway.state_dir, documentation(tmp_path / "second", "second"), gateway.identity)
    reply = httpx.get(address)
    assert (reply.text, reply.headers["Content-Type"]) == ("<p>second: index.html", "text/html; charset=utf-8")
    policy = reply.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self' 'sha256-")
    assert "unsafe" not in policy
    assert "http" not in policy
    refused = httpx.post(address)
    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/docs", "/docs/"),
        ("/docs/quickstart", "/docs/quickstart/"),
        ("/llms.txt", "/docs/llms.txt"),
        ("/problems", "/docs/problems/"),
        ("/problems/", "/docs/problems/"),
        ("/problems/not-found", "/docs/problems/not-found/"),
        ("/problems/not-found/", "/docs/problems/not-found/"),
    ],
)
def test_short_addresses_lead_to_the_documentation(gateway: Gateway, tmp_path: Path, path: str, target: str) -> None:
    publish_site(gateway.state_dir, documentation(tmp_path / "site", "third"), gateway.identity)
    reply = httpx.get(gateway.url + path)
    assert (reply.status_code in (301, 308), reply.headers["Location"]) == (True, target)
    assert httpx.get(gateway.url + target).status_code == 200


@pytest.mark.parametrize("path", ["/docs/absent/", "/docs/..%2fnginx.conf", "/problems/a/b", "/problems/A", "/docsx"])
def test_what_is_not_in_the_documentation_is_a_problem(url: str, path: str) -> None:
    reply = httpx.get(url + path)
    assert (reply.status_code, reply.headers["Content-Type"]) == (404, "application/problem+json")
