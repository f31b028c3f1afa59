"""Looks users up in the running product, without the gateway.

Warm lookups come from Redis: the server's CPU per request is compared with bare routes that get one key from the same
Redis with the same client. Cold lookups ask for each user once: their time is compared with `SELECT 1` on the same
warehouse.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx
from fastapi import FastAPI
from redis.asyncio import Redis
from starlette.types import ASGIApp, Receive, Scope, Send

from bench.harness.pairs import in_turn, milliseconds
from bench.harness.product import bearer, call, running
from bench.harness.serving import Connection, Served, request, served
from bench.report import Ratio, at_most
from segops_common.stores.clickhouse import ClickHouse
from segops_common.stores.redis import create_redis
from segops_local.cli.account import Account
from segops_local.processes.server import Server

ROUNDS = 5
WARM_REQUESTS = 1_200
COLD_LOOKUPS = 40
USERS = 1_000
KEY = "bench:membership"
ANSWER = b'{"user_id":"user-0","segment_ids":[1],"cached":true}'
RUN_TIMEOUT_S = 60.0


def bare(redis_url: str) -> ASGIApp:
    """Return an ASGI app that gets one key from Redis and sends it."""
    redis = create_redis(redis_url)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001
        if scope["type"] != "http":
            return
        value = await redis.get(KEY) or b""
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(value))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": value})

    return app


def fastapi(redis_url: str) -> ASGIApp:
    """Return a FastAPI app that gets the same key and sends it as JSON; its route has a parameter."""
    app, redis = FastAPI(), create_redis(redis_url)

    async def lookup(user_id: str) -> dict[str, Any]:
        return {"user_id": user_id, "found": await redis.get(KEY), "cached": True}

    app.get("/")(lookup)
    return app


def lookup_of(user_id: str, account: Account) -> bytes:
    """Return the lookup request that an application sends."""
    target = f"/api/segments/membership/?user_id={user_id}"
    return request("GET", target, headers=f"Authorization: ApiKey {account.api_key}\r\n")


async def run() -> list[Ratio]:
    """Measure warm and cold lookups in a new stack."""
    async with running() as (stack, account):
        await _fill(stack.url, account)
        api = stack.process("membership.api")
        redis_url = stack.engine("valkey").url
        return [*await _warm(api, redis_url, account), await _cold(api, stack.engine("clickhouse").url, account)]


async def _fill(url: str, account: Account) -> None:
    """Put a thousand users into one segment through the public API."""
    key = {"Authorization": f"ApiKey {account.api_key}"}
    batch = [{"type": "track", "user_id": f"user-{n}", "event_type": "login"} for n in range(USERS)]
    definition = {
        "logic": "AND",
        "conditions": [{"type": "event_count", "event_type": "login", "operator": "gte", "value": 1}],
    }
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        await call(client, "/api/ingestion/batch/", {"batch": batch}, key)
        signed_in = await bearer(client, account)
        wish = {"name": "bench", "tenant": account.tenant_id, "segment_type": "rule", "definition": definition}
        segment = await call(client, "/api/segments/", wish, signed_in)
        path = f"/api/segments/{segment['id']}/"
        queued = await call(client, f"{path}compute/", None, signed_in)
        async with asyncio.timeout(RUN_TIMEOUT_S):
            await _ended(client, f"{path}runs/{queued['run_id']}/", signed_in)


async def _ended(client: httpx.AsyncClient, path: str, headers: dict[str, str]) -> None:
    while (status := (await client.get(path, headers=headers)).json()["status"]) != "succeeded":
        if status not in ("queued", "running"):
            raise RuntimeError(f"the run ended as {status}")
        await asyncio.sleep(0.1)


async def _warm(api: Server, redis_url: str, account: Account) -> list[Ratio]:
    redis: Redis = create_redis(redis_url, timeout_s=2)
    await redis.set(KEY, ANSWER)
    await redis.aclose()
    ours = Served(pid=api.pid or 0, port=api.port)
    plain = request("GET", "/?user_id=user-0")
    async with served(bare, redis_url) as first, served(fastapi, redis_url) as second:
        product_us, bare_us, fastapi_us = await in_turn(
            ROUNDS,
            partial(ours.cpu_us, lookup_of("user-0", account), WARM_REQUESTS),
            partial(first.cpu_us, plain, WARM_REQUESTS),
            partial(second.cpu_us, plain, WARM_REQUESTS),
        )
    what = "warm lookup"
    return [
        Ratio(what, "bare FastAPI route with one Redis GET", product_us, fastapi_us, "us", at_most(2)),
        Ratio(what, "bare ASGI with one Redis GET", product_us, bare_us, "us"),
    ]


async def _cold(api: Server, clickhouse_url: str, account: Account) -> Ratio:
    clickhouse = ClickHouse(url=clickhouse_url)
    connection = await Connection.to(api.port)
    # user-0 is in the cache: the warm benchmark looked it up.
    cold_users = (f"user-{number}" for number in range(1, USERS))

    async def lookups() -> float:
        return await milliseconds(partial(_look_up, connection, cold_users, account)) / COLD_LOOKUPS

    async def ones() -> float:
        return await milliseconds(partial(_select_one, clickhouse)) / COLD_LOOKUPS

    try:
        ours, theirs = await in_turn(ROUNDS, lookups, ones)
    finally:
        connection.close()
        await clickhouse.close()
    return Ratio("cold lookup", "`SELECT 1` on the same warehouse", ours, theirs, "ms", at_most(5))


async def _look_up(connection: Connection, users: Iterator[str], account: Account) -> None:
    for user_id in itertools.islice(users, COLD_LOOKUPS):
        answer = await connection.send(lookup_of(user_id, account))
        if b'"cached":false' not in answer.replace(b" ", b"") or b"[]" in answer:
            raise RuntimeError(f"not a cold look-up of a member: {answer.decode()}")


async def _select_one(clickhouse: ClickHouse) -> None:
    for _ in range(COLD_LOOKUPS):
        await clickhouse.query("SELECT 1")
