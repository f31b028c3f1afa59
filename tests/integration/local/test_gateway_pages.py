"""nginx serves the OpenAPI document, its rendered reference and the SDKs as files."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from segops_local.gateway.nginx import Gateway, load_routes
from segops_local.state.ports import free_port


@pytest.fixture(scope="module")
async def url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    table = load_routes()
    upstreams = {name: free_port() for name in table.upstreams}
    gateway = Gateway(tmp_path_factory.mktemp("gate way"), upstreams=upstreams, table=table)
    await gateway.start()
    yield gateway.url
    await gateway.stop()


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
