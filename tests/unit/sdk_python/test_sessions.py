"""Sessions of the Python client: signed ids, renewal, and no event lost while they fail."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from segops_client import AsyncSegOpsClient, Options, SegOpsClient, UserContext, sign_user_id
from segops_client.reports import Report
from segops_client.sessions import RENEW_BEFORE_S, SessionAuth, SessionFailed
from tests.unit.sdk_python.test_queries import Api

KEY = "pk_live_1"
SECRET = "3b" * 32


def session(token: str, lifetime_s: float = 900) -> tuple[int, Any]:
    end = datetime.fromtimestamp(time.time() + lifetime_s, UTC)
    return 200, {"token": token, "expires_at": f"{end:%Y-%m-%dT%H:%M:%SZ}", "uid": "ada"}


class Server:
    """Answers in order, and records path and credential of each request."""

    def __init__(self, *answers: tuple[int, Any]) -> None:
        self.answers = list(answers)
        self.requests: list[tuple[str, str]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append((request.url.path.split("/")[-2], request.headers["Authorization"]))
        status, body = self.answers.pop(0)
        return httpx.Response(status, json=body)


def post(server: Server, auth: SessionAuth) -> httpx.Response:
    with httpx.Client(transport=httpx.MockTransport(server)) as client:
        return client.post("https://segops.test/api/ingestion/batch/", json={}, auth=auth)


def auth_of(user: Any = None) -> SessionAuth:
    return SessionAuth("https://segops.test", KEY, lambda: user or UserContext(user_id="ada"))


def test_the_signature_is_the_recipe_of_the_api() -> None:
    for user_id in ("ada", "zo\u00eb|1"):
        expected = hmac.new(bytes.fromhex(SECRET), f"{user_id}|1769850000".encode(), hashlib.sha256).hexdigest()
        signed = sign_user_id(SECRET, user_id, 1769850000)
        assert signed == {"user_id": user_id, "user_id_sig": expected, "user_id_ts": 1769850000}
    assert abs(int(sign_user_id(SECRET, "ada")["user_id_ts"]) - time.time()) < 60
    for secret, user_id in (("", "ada"), ("xy", "ada"), (SECRET, "")):
        with pytest.raises(ValueError, match="must"):
            sign_user_id(secret, user_id)


def test_requests_share_a_session_until_a_minute_before_its_end() -> None:
    server = Server(
        session("one"), (202, {}), (202, {}), session("two", RENEW_BEFORE_S), (202, {}), session("three"), (202, {})
    )
    auth = auth_of()
    post(server, auth)
    post(server, auth)
    auth.reset()
    post(server, auth)
    post(server, auth)
    assert server.requests == [
        ("session", f"ApiKey {KEY}"),
        ("batch", "Bearer one"),
        ("batch", "Bearer one"),
        ("session", f"ApiKey {KEY}"),
        ("batch", "Bearer two"),
        ("session", f"ApiKey {KEY}"),
        ("batch", "Bearer three"),
    ]


def test_a_401_begins_one_more_session() -> None:
    server = Server(session("one"), (401, {}), session("two"), (202, {}))
    assert post(server, auth_of()).status_code == 202
    server = Server(session("one"), (401, {}), session("two"), (401, {}))
    assert post(server, auth_of()).status_code == 401
    assert server.answers == []


@pytest.mark.parametrize(
    ("status", "status_of_events"), [(401, 401), (403, 403), (400, 403), (422, 403), (429, 429), (503, 503)]
)
def test_a_refused_session_is_the_response_and_refuses_no_event(status: int, status_of_events: int) -> None:
    server = Server((status, {"detail": "sign it"}))
    response = post(server, auth_of())
    assert (response.status_code, response.json()["detail"]) == (status_of_events, "sign it")


def test_what_cannot_begin_is_a_failure_of_the_request() -> None:
    def broken() -> UserContext:
        raise RuntimeError("down")

    for auth, answer in (
        (SessionAuth("https://segops.test", KEY, broken), None),
        (auth_of(), (200, {"token": "x"})),
        (auth_of(), (200, {"token": "x", "expires_at": "soon"})),
    ):
        with pytest.raises(SessionFailed):
            post(Server(*([answer] if answer else [])), auth)


@pytest.fixture
def api() -> Iterator[Api]:
    api = Api([(503, {}), session("one"), (202, {}), session("two"), (202, {})])
    yield api
    api.close()


SIGNED: dict[str, Any] = {"user_id": "ada", "user_id_sig": "ff", "user_id_ts": 5}
PATHS = ["session", "session", "batch", "session", "batch"]


def check(api: Api, errors: list[Report]) -> None:
    assert [path.split("/")[-2] for _, path, _ in api.requests] == PATHS
    assert [body for _, path, body in api.requests if "session" in path] == [SIGNED] * 3
    assert {error.code for error in errors} <= {"retry"}


def test_no_event_is_lost_while_sessions_fail(api: Api) -> None:
    errors: list[Report] = []
    options = Options(retry_base=0.001, gzip=False)
    client = SegOpsClient(api.url, KEY, get_user=lambda: SIGNED, on_error=errors.append, options=options)
    client.track(event_type="seen", user_id="eve")
    assert client.flush()
    client.reset_session()
    client.track(event_type="seen", user_id="eve")
    assert client.shutdown().sent == 2
    check(api, errors)


async def test_the_asyncio_client_does_the_same(api: Api) -> None:
    errors: list[Report] = []
    options = Options(retry_base=0.001, gzip=False)
    client = AsyncSegOpsClient(
        api.url, KEY, get_user=lambda: UserContext(**SIGNED), on_error=errors.append, options=options
    )
    client.track(event_type="seen", user_id="eve")
    assert await client.flush()
    client.reset_session()
    client.track(event_type="seen", user_id="eve")
    assert (await client.shutdown()).sent == 2
    check(api, errors)


def test_a_secret_key_begins_no_session() -> None:
    api = Api([(202, {})])
    client = SegOpsClient(api.url, "sk_live_1", get_user=lambda: SIGNED)
    client.reset_session()
    client.track(event_type="seen", user_id="eve")
    assert client.shutdown().sent == 1
    api.close()
