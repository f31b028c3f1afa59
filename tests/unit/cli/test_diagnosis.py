"""`segops doctor` on an installation that is not well: each fault says what to do."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator

import pytest

from segops_cli.api.client import Api
from segops_cli.api.login import SessionLogin
from segops_cli.clock import calendar
from segops_cli.diagnosis import Finding, examine

UNAVAILABLE = {"type": "https://segops.dev/problems/unavailable", "title": "T", "detail": "ClickHouse is down."}
STATUS = {
    "services": [{"name": "auth.api", "status": "ready"}, {"name": "ingest.sink", "status": "unreachable"}],
    "schemas": [
        {"service": "auth", "store": "postgres", "applied": 9, "expected": 10, "status": "older"},
        {"service": "ingest", "store": "clickhouse", "applied": None, "expected": 12, "status": "unknown"},
        {"service": "segments", "store": "postgres", "applied": 13, "expected": 12, "status": "newer"},
    ],
    "storage": {"behind_records": 900, "behind_seconds": 120.0},
}


class _Unwell(http.server.BaseHTTPRequestHandler):
    """Answers as a gateway does whose services have faults."""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/api/auth/me/":
            self._answer(200, {"email": "you@example.com", "tenants": []})
        elif path == "/api/status/":
            self._answer(200, STATUS)
        elif path == "/api/auth/config/":
            self._answer(200, {"signup": "open"})
        elif path == "/openapi.json":
            self._answer(200, {"info": {"version": "0.0.0"}})
        elif path == "/api/segments/":
            self._answer(503, UNAVAILABLE)
        else:
            self.send_error(404)

    def _answer(self, status: int, body: object) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        # Longer than any command waits, so the answer stands at once.
        self.send_header("Retry-After", "600")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def findings() -> Iterator[dict[str, Finding]]:
    """The findings of a machine whose clock is a minute behind."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Unwell) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        login = SessionLogin(
            url=f"http://127.0.0.1:{server.server_port}",
            email="you@example.com",
            tenant=7,
            access_token="token",
            refresh_token="token",
            expires_at=calendar() + 600,
        )
        with Api(login, calendar) as api:
            yield {finding.check: finding for finding in examine(api, lambda: calendar() - 60)}
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("check", "detail", "advice"),
    [
        ("clock", "s behind the server", "NTP"),
        ("route of segments", "answers 503: ClickHouse is down.", "log of the service"),
        ("route of ingest", "is not answered by SegOps", "docs/deploy.md"),
        ("version", "the API is version 0.0.0", "same release"),
        ("login", "you no longer belong to the tenant 7", "Sign in again"),
        ("process ingest.sink", "is unreachable", "SEGOPS_SERVICE_ADDRESSES"),
        ("schema of auth in postgres", "9 is the last that ran, and the process needs 10", "segops_auth migrate"),
        ("storage", "the warehouse is 120 s behind", "ingest.sink"),
    ],
)
def test_a_fault_says_what_to_do(findings: dict[str, Finding], check: str, detail: str, advice: str) -> None:
    finding = findings[check]
    assert finding.level == "fault"
    assert detail in finding.detail
    assert advice in (finding.advice or "")


@pytest.mark.parametrize(
    ("check", "detail", "advice"),
    [
        ("schema of segments in postgres", "13 has run, and the process knows 12", "while a deploy goes on"),
        ("schema of ingest in clickhouse", "cannot read which migrations have run", "deploy/clickhouse/users.toml"),
    ],
)
def test_a_schema_of_another_deploy_is_no_fault(
    findings: dict[str, Finding], check: str, detail: str, advice: str
) -> None:
    finding = findings[check]
    assert finding.level == "note"
    assert detail in finding.detail
    assert advice in (finding.advice or "")


def test_what_is_well_is_no_fault(findings: dict[str, Finding]) -> None:
    assert [finding.check for finding in findings.values() if finding.level == "ok"] == ["route of auth"]
