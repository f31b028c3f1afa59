"""`segops login`: what it stores, and what it says when it is refused."""

from __future__ import annotations

import http.server
import json
import stat
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from segops_local.state.ports import free_port
from tests.e2e.cli.terminal import Terminal
from tests.e2e.people import PASSWORD, Person
from tests.shared.client import RunningStack


async def test_a_login_is_stored_for_its_owner_only(owner: Terminal, person: Person) -> None:
    assert stat.S_IMODE(owner.login_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(owner.login_file.parent.stat().st_mode) == 0o700
    stored = json.loads(owner.login_file.read_text())
    assert (stored["kind"], stored["email"], stored["tenant"]) == ("session", person.email, person.tenant)
    assert PASSWORD not in owner.login_file.read_text()


async def test_a_login_that_others_can_read_is_refused(owner: Terminal) -> None:
    owner.login_file.chmod(0o640)
    outcome = await owner.run("doctor")
    assert outcome.code == 2
    assert f"chmod 600 {owner.login_file}" in outcome.err


async def test_an_expired_token_is_refreshed_and_stored(owner: Terminal) -> None:
    stored = json.loads(owner.login_file.read_text())
    owner.login_file.write_text(json.dumps(stored | {"access_token": "expired", "expires_at": 0.0}))
    await owner.succeeds("segments", "export", owner.folder / "files")
    renewed = json.loads(owner.login_file.read_text())
    assert renewed["refresh_token"] != stored["refresh_token"]
    assert renewed["expires_at"] > 0
    assert stat.S_IMODE(owner.login_file.stat().st_mode) == 0o600


async def test_a_wrong_password(terminal: Terminal, valkey_stack: RunningStack, person: Person) -> None:
    outcome = await terminal.run("login", "--url", valkey_stack.url, "--email", person.email, stdin="wrong-password\n")
    assert outcome.code == 3
    assert "invalid-credentials" in outcome.err
    assert "Check the email address and the password" in outcome.err
    assert not terminal.login_file.exists()


async def test_a_wrong_key(terminal: Terminal, valkey_stack: RunningStack) -> None:
    outcome = await terminal.run("login", "--url", valkey_stack.url, "--key", stdin="sk_live_unknown\n")
    assert outcome.code == 3
    assert "invalid-api-key" in outcome.err
    refused = await terminal.run("login", "--url", valkey_stack.url, "--key", stdin="hunter2\n")
    assert refused.code == 2
    assert "hunter2" not in refused.err


async def test_a_key_that_may_only_send(terminal: Terminal, valkey_stack: RunningStack, person: Person) -> None:
    key = (await person.new_key(scopes=["events:write"]))["key"]
    await terminal.succeeds("login", "--url", valkey_stack.url, "--key", stdin=key)
    await terminal.succeeds("track", "user-1", "opened")
    outcome = await terminal.run("compute", "7")
    assert outcome.code == 3
    assert "insufficient-scope" in outcome.err
    assert "Create a key with this scope" in outcome.err
    findings = (await terminal.succeeds("doctor", "--json")).json["findings"]
    assert {"check": "key", "level": "ok", "detail": "the key has events:write", "advice": None} in findings
    (lacking,) = (finding["detail"] for finding in findings if "lacks" in finding["detail"])
    assert "segments:read" in lacking
    assert "profiles:read" in lacking


async def test_nobody_is_signed_in(terminal: Terminal) -> None:
    outcome = await terminal.run("doctor")
    assert outcome.code == 3
    assert "segops login" in outcome.err
    as_json = await terminal.run("doctor", "--json")
    assert json.loads(as_json.err)["error"]["message"] == "You are not signed in."


async def test_a_wrong_address(terminal: Terminal) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    outcome = await terminal.run("login", "--url", url, "--email", "you@example.com", stdin="password\n")
    assert outcome.code == 5
    assert f"{url} cannot be reached" in outcome.err
    assert "Check the address" in outcome.err


@pytest.mark.parametrize(
    "url", ["example.com", "ftp://example.com", "http://a:b@example.com", "http://example.com/api"]
)
async def test_what_is_no_address(terminal: Terminal, url: str) -> None:
    outcome = await terminal.run("login", "--url", url, "--email", "you@example.com", stdin="password\n")
    assert outcome.code == 2
    assert "http://127.0.0.1:8080" in outcome.err


class _Other(http.server.BaseHTTPRequestHandler):
    """A server that is not SegOps: it answers every request with a page."""

    def do_POST(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<html>Welcome</html>")

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@pytest.fixture
def other_server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Other) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


async def test_another_server(terminal: Terminal, other_server: str) -> None:
    for options, line in ((("--email", "you@example.com"), "password"), (("--key",), "sk_live_x")):
        outcome = await terminal.run("login", "--url", other_server, *options, stdin=f"{line}\n")
        assert outcome.code == 5, outcome
        assert "not as SegOps does" in outcome.err
    assert not terminal.login_file.exists()


async def test_the_environment_replaces_the_login(owner: Terminal, valkey_stack: RunningStack, key: str) -> None:
    stored = owner.login_file.read_text()
    with_key = replace(owner, environment={"SEGOPS_URL": valkey_stack.url, "SEGOPS_API_KEY": key})
    await with_key.succeeds("track", "user-1", "opened")
    assert owner.login_file.read_text() == stored
    elsewhere = replace(owner, environment={"SEGOPS_URL": "http://127.0.0.1:1"})
    outcome = await elsewhere.run("track", "user-1", "opened")
    assert outcome.code == 2
    assert "you signed in to" in outcome.err


async def test_one_of_several_tenants(terminal: Terminal, valkey_stack: RunningStack, person: Person) -> None:
    slug = f"{person.email.partition('@')[0]}-two"
    created = await person.ask("POST", "/api/auth/tenants/", 201, {"name": "Two", "slug": slug})
    sign_in = ("login", "--url", valkey_stack.url, "--email", person.email)
    outcome = await terminal.run(*sign_in, stdin=PASSWORD)
    assert outcome.code == 2
    assert f"{created['id']} ({slug})" in outcome.err
    outcome = await terminal.run(*sign_in, "--tenant", "unknown", stdin=PASSWORD)
    assert outcome.code == 2
    signed_in = await terminal.succeeds(*sign_in, "--tenant", slug, "--json", stdin=PASSWORD)
    assert signed_in.json["tenant"] == created["id"]


async def test_a_damaged_login(terminal: Terminal) -> None:
    terminal.login_file.parent.mkdir(parents=True)
    terminal.login_file.touch(mode=0o600)
    terminal.login_file.write_text('{"kind": "key"}')
    outcome = await terminal.run("doctor")
    assert outcome.code == 2
    assert "is damaged" in outcome.err
