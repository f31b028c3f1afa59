"""The session route: for pages and apps with a publishable key, and for nobody else."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from segops_common.contracts.http import SESSION_PATH
from segops_common.security.claims import SessionToken
from segops_common.security.tokens import TokenVerifier
from tests.integration.auth.harness import SERVICE_TOKEN, AuthHarness, body_of, problem_of
from tests.unit.auth.test_client_sessions import signed

PAGE = "https://www.example.com"
BODY = {"user_id": "ada", "anonymous_id": "browser"}


async def begin(auth: AuthHarness, key: str, body: Any, **headers: str) -> httpx.Response:
    return await auth.client.post(SESSION_PATH, json=body, headers={"Authorization": f"ApiKey {key}"} | headers)


def claim(secret: str, auth: AuthHarness, user_id: str = "ada") -> dict[str, Any]:
    made = signed(secret, user_id, int(auth.clock.now().timestamp()))
    return {"user_id": made.user_id, "user_id_sig": made.signature, "user_id_ts": made.signed_at_s}


async def test_the_handshake_of_a_page(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    key = (await ada.new_key(kind="publishable", allowed_origins=[PAGE]))["key"]
    preflight = await auth.client.options(
        SESSION_PATH, headers={"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    )
    assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (204, "*")
    assert "authorization" in preflight.headers["access-control-allow-headers"].lower()
    response = await begin(auth, key, BODY, Origin=PAGE)
    assert response.headers["access-control-allow-origin"] == "*"
    session = body_of(response, 200)
    assert session.keys() == {"token", "expires_at", "uid"}
    assert session["uid"] == "ada"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", session["expires_at"])
    jwks = body_of(await auth.client.get("/api/auth/.well-known/jwks.json"), 200)["keys"]
    token = TokenVerifier(jwks=jwks, clock=auth.clock).read(session["token"])
    assert isinstance(token, SessionToken)
    described = await auth.client.post(
        "/internal/session-key/",
        json={"key_hash": token.key_hash},
        headers={"Authorization": f"Service {SERVICE_TOKEN}"},
    )
    assert body_of(described, 200) == await auth.introspect(key)


async def test_a_page_of_another_origin_is_refused_and_may_read_why(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    key = (await ada.new_key(kind="publishable", allowed_origins=[PAGE]))["key"]
    response = await begin(auth, key, BODY, Origin="https://evil.example")
    problem_of(response, 403, "origin-not-allowed")
    assert response.headers["access-control-allow-origin"] == "*"
    body_of(await begin(auth, key, BODY), 200)


async def test_only_the_session_route_is_for_pages(auth: AuthHarness) -> None:
    response = await auth.client.get("/api/auth/me/", headers={"Origin": PAGE})
    assert "access-control-allow-origin" not in response.headers


async def test_a_secret_key_is_refused_with_what_to_do(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    key = (await ada.new_key())["key"]
    problem_of(await begin(auth, key, BODY), 403, "publishable-key-required")
    problem_of(await begin(auth, key, BODY, Origin=PAGE), 403, "secret-key-in-page")


async def test_no_other_credential_begins_a_session(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    key = (await ada.new_key(kind="publishable"))["key"]
    session = body_of(await begin(auth, key, BODY), 200)["token"]
    for header, slug in (
        ("", "unauthenticated"),
        (f"Bearer {ada.tokens['access_token']}", "api-key-required"),
        (f"Bearer {session}", "invalid-token"),
        ("ApiKey " + "pk_live_" + "0" * 49, "invalid-api-key"),
    ):
        response = await auth.client.post(SESSION_PATH, json=BODY, headers={"Authorization": header})
        problem_of(response, 401, slug)
    response = await auth.client.get("/api/auth/me/", headers={"Authorization": f"Bearer {session}"})
    problem_of(response, 401, "invalid-token")


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"user_id": ""},
        {"user_id": " "},
        {"user_id": 7},
        {"user_id": None},
        {"user_id": "x" * 257},
        {"user_id": "a\0b"},
        {"anonymous_id": ""},
        {"user_id": "ada", "user_id_sig": "zz" * 32, "user_id_ts": 1},
        {"user_id": "ada", "user_id_sig": "00" * 31, "user_id_ts": 1},
        {"user_id": "ada", "user_id_sig": "00" * 32, "user_id_ts": "1"},
        {"user_id": "ada", "user_id_sig": "00" * 32, "user_id_ts": 1.5},
        {"user_id": "ada", "user_id_sig": "00" * 32, "user_id_ts": -1},
        {"user_id": "ada", "user_id_sig": "00" * 32, "user_id_ts": 10**30},
        {"user_id": "ada", "traits": {}},
    ],
)
async def test_hostile_bodies_are_refused(auth: AuthHarness, body: Any) -> None:
    ada = await auth.sign_up()
    key = (await ada.new_key(kind="publishable", require_signed_user_id=True))["key"]
    assert (await begin(auth, key, body)).status_code == 422


async def test_signed_user_ids_from_creation_to_rotation(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    made = await ada.new_key(kind="publishable", require_signed_user_id=True)
    assert (made["require_signed_user_id"], len(made["hmac_secret"])) == (True, 64)
    assert (await auth.introspect(made["key"]))["requires_signed_user_id"]
    assert body_of(await begin(auth, made["key"], claim(made["hmac_secret"], auth)), 200)["uid"] == "ada"
    problem_of(await begin(auth, made["key"], BODY), 403, "signature-missing")
    problem_of(await begin(auth, made["key"], claim("ab" * 32, auth)), 403, "signature-invalid")
    assert body_of(await begin(auth, made["key"], {"anonymous_id": "browser"}), 200)["uid"] == "anon_browser"
    rotated = body_of(await ada.request("POST", f"api-keys/{made['id']}/rotate/"), 200)
    assert rotated["hmac_secret"] not in (None, made["hmac_secret"])
    body_of(await begin(auth, rotated["key"], claim(made["hmac_secret"], auth)), 200)


async def test_the_secret_of_a_changed_key_is_shown_once(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    made = await ada.new_key(kind="publishable")
    assert (made["require_signed_user_id"], made["hmac_secret"]) == (False, None)
    path, once = f"api-keys/{made['id']}/", {"Idempotency-Key": "turn-on"}
    changed = body_of(await ada.request("PATCH", path, {"require_signed_user_id": True}, headers=once), 200)
    assert len(changed["hmac_secret"]) == 64
    repeated = await ada.request("PATCH", path, {"require_signed_user_id": True}, headers=once)
    problem_of(repeated, 409, "idempotency-replayed")
    again = body_of(await ada.request("PATCH", path, {"require_signed_user_id": True}), 200)
    assert (again["require_signed_user_id"], again["hmac_secret"]) == (True, None)
    origins = {"allowed_origins": [PAGE]}
    first, second = [
        await ada.request("PATCH", path, origins, headers={"Idempotency-Key": "origins"}) for _ in range(2)
    ]
    assert (first.json(), second.headers["Idempotency-Replayed"]) == (second.json(), "true")
    problem_of(await ada.request("PATCH", path, {}), 422, "validation-failed")
    secret = await ada.new_key()
    refused = await ada.request("PATCH", f"api-keys/{secret['id']}/", {"require_signed_user_id": True})
    assert problem_of(refused, 422, "validation-failed")["errors"][0]["path"] == "require_signed_user_id"


async def test_the_route_has_limits_of_its_own(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    key = (await ada.new_key(kind="publishable"))["key"]
    assert "sessions-key" in (await begin(auth, key, BODY)).headers["ratelimit-policy"]
