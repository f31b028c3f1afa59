"""After everything that hands out a secret: none is in a table, in Redis, or in a log line."""

from __future__ import annotations

import logging

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from segops_common.stores.postgres import read_session
from segops_common.stores.redis import create_redis
from tests.integration.auth.harness import PASSWORD, AuthHarness, body_of, unique


async def dump_of_postgres(url: str) -> dict[str, str]:
    """Every row of every table of every schema of ours, as text."""
    engine = create_async_engine(url)
    try:
        async with read_session(engine) as session:
            listed = await session.execute(
                sa.text(
                    "SELECT table_schema, table_name FROM information_schema.tables "
                    "WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
                )
            )
            dump = {}
            for schema, table in listed.all():
                rows = await session.execute(sa.text(f'SELECT t::text FROM "{schema}"."{table}" AS t'))
                dump[f"{schema}.{table}"] = "\n".join(rows.scalars())
            return dump
    finally:
        await engine.dispose()


async def dump_of_redis(url: str) -> str:
    """Every key and value, as text."""
    redis = create_redis(url, timeout_s=2)
    try:
        parts = []
        async for key in redis.scan_iter():
            parts.append(repr(key) + repr(await redis.dump(key)))
        return "\n".join(parts)
    finally:
        await redis.aclose()


async def test_no_secret_is_kept(
    auth: AuthHarness, superuser_url: str, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    ada = await auth.sign_up()
    email = f"{unique('guest')}@example.com"
    invite = await ada.invite(email, "member")
    accepted = body_of(
        await auth.post("invites/accept/", {"token": invite["token"], "email": email, "password": PASSWORD}), 200
    )
    key = await ada.new_key()
    publishable = await ada.new_key(kind="publishable")
    headers = {"Idempotency-Key": unique("secret")}
    rotated = body_of(await ada.request("POST", f"api-keys/{key['id']}/rotate/", headers=headers), 200)
    refreshed = body_of(await auth.post("token/refresh/", {"refresh_token": ada.tokens["refresh_token"]}), 200)
    await auth.introspect(rotated["key"])
    await auth.introspect(key["key"] + "x")
    await auth.post("token/", {"email": email, "password": "wrong-password"})
    secrets = {
        "password": PASSWORD,
        "wrong password": "wrong-password",
        "invite": invite["token"],
        "key": key["key"][8:],
        "rotated key": rotated["key"][8:],
        "publishable key": publishable["key"][8:],
    }
    for name, tokens in (("first", ada.tokens), ("accepted", accepted["tokens"]), ("refreshed", refreshed)):
        secrets |= {f"{name} {kind}": tokens[kind] for kind in ("access_token", "refresh_token")}
    tables = await dump_of_postgres(superuser_url)
    assert ada.email in tables["auth.accounts"], "the dump sees what is there"
    assert {"auth.api_keys", "auth.invites", "auth.refresh_tokens", "auth.idempotency_keys"} <= set(tables)
    ours = {name: text for name, text in tables.items() if name.startswith("auth.")}
    places = ours | {"redis": await dump_of_redis(redis_url), "log": caplog.text}
    for place, text in places.items():
        assert "sk_live_" not in text, place
        assert "pk_live_" not in text, place
        for name, secret in secrets.items():
            assert secret not in text, f"{name} is in {place}"
