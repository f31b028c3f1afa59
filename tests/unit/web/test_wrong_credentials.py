"""A credential that was sent wrongly: every route of every service says what it is, and how to send it."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

import segops_auth.app
import segops_ingest.app
import segops_membership.app
import segops_segments.app
from segops_auth.adapters.authenticator import LocalAuthenticator
from segops_common.core.ids import SystemIds
from segops_common.security.api_keys import new_key
from segops_common.security.introspect import Authenticator, RemoteAuthenticator
from segops_common.security.permissions import KeyKind
from segops_common.security.tokens import TokenSigner
from segops_common.web.app import Lifespan, Running
from segops_testkit.clock import ManualClock
from tests.unit.auth.harness import memory_auth
from tests.unit.security.fake_auth import SERVICE_TOKEN, FakeAuth
from tests.unit.security.keys import new_private_key
from tests.unit.web.unreported import without_use_cases

CLOCK = ManualClock(datetime(2026, 1, 31, 9, tzinfo=UTC))
IDS = SystemIds(CLOCK)
KEY, PAGE_KEY = new_key(KeyKind.SECRET, IDS), new_key(KeyKind.PUBLISHABLE, IDS, is_test=True)
TOKEN = TokenSigner(private_key_pem=new_private_key(), clock=CLOCK, ids=IDS, lifetime_s=900).sign(7, 3)
SEND_KEY = "This looks like an API key: send it as `Authorization: ApiKey …`."
SEND_TOKEN = "This looks like an access token: send it as `Authorization: Bearer …`."
KEY_ALONE = "The API key must be sent alone, without quotes, spaces or line breaks: `Authorization: ApiKey …`."
TOKEN_ALONE = "The access token must be sent alone, without quotes, spaces or line breaks: `Authorization: Bearer …`."
USUAL = "`Authorization` must be `Bearer <access token>` or `ApiKey <key>`."
OWN_HEADER = "An API key must be sent as `Authorization: ApiKey …`, not in a header of its own."
MISTYPED = "The API key must be complete and spelled correctly: copy it again."


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


CASES: dict[str, tuple[str, str, str]] = {
    "a key as bearer": ("Authorization", f"Bearer {KEY}", SEND_KEY),
    "a key of a page as bearer": ("Authorization", f"Bearer {PAGE_KEY}", SEND_KEY),
    "a key without a scheme": ("Authorization", KEY, SEND_KEY),
    "a key with another scheme": ("Authorization", f"Token {KEY}", SEND_KEY),
    "a key after a colon": ("Authorization", f"ApiKey: {KEY}", SEND_KEY),
    "a key as user name": ("Authorization", basic(f"{KEY}:"), SEND_KEY),
    "a token as key": ("Authorization", f"ApiKey {TOKEN}", SEND_TOKEN),
    "a token without a scheme": ("Authorization", TOKEN, SEND_TOKEN),
    "a key in quotes": ("Authorization", f'ApiKey "{KEY}"', KEY_ALONE),
    "a key in single quotes": ("Authorization", f"ApiKey '{KEY}'", KEY_ALONE),
    "a key with a line feed": ("Authorization", f"ApiKey {KEY}\n", KEY_ALONE),
    "a key with an escaped line feed": ("Authorization", f"ApiKey {KEY}\\n", KEY_ALONE),
    "two keys": ("Authorization", f"ApiKey {KEY},{PAGE_KEY}", KEY_ALONE),
    "a part of a key": ("Authorization", f"ApiKey {KEY[:-3]}", MISTYPED),
    "a token in quotes": ("Authorization", f'Bearer "{TOKEN}"', TOKEN_ALONE),
    "a key in a header of its own": ("X-Api-Key", KEY, OWN_HEADER),
    "a user name and a password": (
        "Authorization",
        basic("ada:hunter-two"),
        "Basic authentication is not supported: send `Authorization: ApiKey <key>`, or sign in and send "
        "`Authorization: Bearer <access token>`.",
    ),
    "an unknown scheme": ("Authorization", "Digest hunter-two", USUAL),
    "no scheme": ("Authorization", "hunter-two", USUAL),
}
SECRETS = (KEY, PAGE_KEY, TOKEN, KEY[:20], "hunter-two")


def local() -> Authenticator:
    memory = memory_auth()
    return LocalAuthenticator(verifier=memory.tokens, accounts=memory.auth.accounts, api_keys=memory.auth.api_keys)


def remote() -> Authenticator:
    return RemoteAuthenticator(
        auth_url="http://auth.test",
        service_token=SERVICE_TOKEN,
        redis=None,
        clock=CLOCK,
        transport=FakeAuth().transport(),
    )


SERVICES: dict[str, tuple[Callable[[Lifespan[Any]], FastAPI], Callable[[], Authenticator]]] = {
    "auth": (segops_auth.app.api_app, local),
    "ingest": (segops_ingest.app.api_app, remote),
    "membership": (segops_membership.app.api_app, remote),
    "segments": (segops_segments.app.api_app, remote),
}


def guarded(app: FastAPI) -> list[tuple[str, str]]:
    """Return method and path of every operation that needs a credential."""
    return [
        (method, path.replace("{", "").replace("}", ""))
        for path, item in app.openapi()["paths"].items()
        for method, operation in item.items()
        if isinstance(operation, dict) and operation.get("security")
    ]


@pytest.mark.parametrize("service", SERVICES)
async def test_each_route_says_how_to_send_the_credential(service: str) -> None:
    build, authenticator = SERVICES[service]

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[Running[Any]]:
        yield Running(without_use_cases(), authenticator())

    app = build(lifespan)
    transport = httpx.ASGITransport(app=app)
    operations = guarded(app)
    assert operations
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://t") as client:
        for method, path in operations:
            for name, (header, value, advice) in CASES.items():
                answer = await client.request(method, path, headers=[(header.encode(), value.encode())])
                assert (answer.status_code, answer.json()["detail"]) == (401, advice), (method, path, name)
                assert not any(secret in answer.text for secret in SECRETS), (method, path, name)
                assert answer.headers["www-authenticate"]
