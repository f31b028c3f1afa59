"""Idempotency-Key on routes of auth: done once, and no secret is kept to answer again."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator

import orjson
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.stores.postgres import create_engine, read_session
from tests.integration.auth.harness import PASSWORD, AuthHarness, body_of, problem_of, unique


@pytest.fixture
async def engine(postgres_url: str, auth: AuthHarness) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(postgres_url)
    yield engine
    await engine.dispose()


async def test_a_key_is_made_once(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    body = {"tenant": ada.tenant, "name": "once"}
    headers = {"Idempotency-Key": unique("once")}
    body_of(await ada.request("POST", "api-keys/", body, headers=headers), 201)
    problem_of(await ada.request("POST", "api-keys/", body, headers=headers), 409, "idempotency-replayed")
    other = await ada.request("POST", "api-keys/", body | {"name": "other"}, headers=headers)
    problem_of(other, 422, "idempotency-key-reused")
    assert len(body_of(await ada.request("GET", "api-keys/", params={"tenant": str(ada.tenant)}), 200)["results"]) == 1


async def test_what_holds_no_secret_is_answered_again(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    body = {"name": "Once", "slug": unique("once")}
    headers = {"Idempotency-Key": unique("once")}
    first = await ada.request("POST", "tenants/", body, headers=headers)
    again = await ada.request("POST", "tenants/", body, headers=headers)
    assert body_of(again, 201) == body_of(first, 201)
    assert again.headers["idempotency-replayed"] == "true"


async def test_what_is_kept_of_a_password_cannot_be_guessed(auth: AuthHarness, engine: AsyncEngine) -> None:
    ada = await auth.sign_up()
    key = unique("login")
    body = b'{"email":"' + ada.email.encode() + b'","password":"' + PASSWORD.encode() + b'"}'
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    body_of(await auth.client.post("/api/auth/token/", content=body, headers=headers), 200)
    async with read_session(engine) as session:
        query = sa.text("SELECT digest, body FROM auth.idempotency_keys WHERE key = :key")
        digest, kept = (await session.execute(query, {"key": key})).one()
    assert kept is None
    assert digest not in {hashlib.sha256(text).hexdigest() for text in (body, b"\n" + body)}


async def test_people_who_sign_up_with_the_same_key_do_not_meet(auth: AuthHarness) -> None:
    headers = {"Idempotency-Key": unique("same")}
    for name in (unique("ada"), unique("grace")):
        body = {"email": f"{name}@example.com", "password": PASSWORD, "tenant_name": name, "tenant_slug": name}
        body_of(await auth.client.post("/api/auth/signup/", json=body, headers=headers), 201)
        problem_of(await auth.client.post("/api/auth/signup/", json=body, headers=headers), 409, "idempotency-replayed")
        other = await auth.client.post("/api/auth/signup/", json=body | {"tenant_name": "x"}, headers=headers)
        problem_of(other, 422, "idempotency-key-reused")


async def test_the_scope_of_an_anonymous_key_does_not_reveal_the_credentials(
    auth: AuthHarness, engine: AsyncEngine
) -> None:
    ada = await auth.sign_up()
    key = unique("login")
    credentials = {"email": ada.email, "password": PASSWORD}
    body_of(await auth.client.post("/api/auth/token/", json=credentials, headers={"Idempotency-Key": key}), 200)
    async with read_session(engine) as session:
        query = sa.text("SELECT scope FROM auth.idempotency_keys WHERE key = :key")
        scope = (await session.execute(query, {"key": key})).scalar_one()
    assert "anonymous" not in scope
    assert hashlib.sha256(orjson.dumps([ada.email, PASSWORD])).hexdigest() not in scope
