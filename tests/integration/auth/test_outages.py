"""What auth does while an engine is away."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from segops_auth.settings import Settings
from segops_common.core.clock import SystemClock
from segops_testkit.clock import ManualClock
from tests.integration.auth.harness import PASSWORD, SERVICE_TOKEN, AuthHarness, body_of, opened, problem_of

# Port 1 is reserved, so nothing listens there.
NO_POSTGRES = "postgresql+asyncpg://segops@127.0.0.1:1/segops"
NO_REDIS = "redis://127.0.0.1:1/0"


@pytest.fixture
async def without_postgres(auth_settings: Settings) -> AsyncIterator[AuthHarness]:
    clock = ManualClock(SystemClock().now())
    settings = auth_settings.model_copy(update={"postgres_url": NO_POSTGRES})
    async with opened(settings, clock) as auth:
        yield auth


@pytest.fixture
async def without_redis(auth_settings: Settings) -> AsyncIterator[AuthHarness]:
    clock = ManualClock(SystemClock().now())
    settings = auth_settings.model_copy(update={"redis_url": NO_REDIS})
    async with opened(settings, clock) as auth:
        yield auth


async def test_without_the_database_every_answer_says_to_come_back(without_postgres: AuthHarness) -> None:
    auth = without_postgres
    bodies = {
        "signup/": {"email": "a@example.com", "password": PASSWORD, "tenant_name": "A", "tenant_slug": "a-b"},
        "token/": {"email": "a@example.com", "password": PASSWORD},
        "token/refresh/": {"refresh_token": "x"},
        "token/revoke/": {"refresh_token": "x"},
        "invites/accept/": {"token": "x", "email": "a@example.com", "password": PASSWORD},
    }
    for path, body in bodies.items():
        answer = await auth.post(path, body)
        problem_of(answer, 503, "upstream-unavailable")
        assert int(answer.headers["retry-after"]) >= 1
    internal = await auth.client.get(
        "/internal/users/1/memberships/", headers={"Authorization": f"Service {SERVICE_TOKEN}"}
    )
    problem_of(internal, 503, "upstream-unavailable")
    assert (await auth.client.get("/readyz")).status_code == 503
    assert (await auth.client.get("/healthz")).status_code == 200
    problem_of(await auth.client.get("/api/auth/.well-known/jwks.json"), 503, "upstream-unavailable")


async def test_without_redis_everything_works(without_redis: AuthHarness) -> None:
    auth = without_redis
    ada = await auth.sign_up()
    bob = await auth.join(ada, "viewer")
    key = await ada.new_key()
    body_of(await ada.request("DELETE", f"tenants/{ada.tenant}/members/{bob.id}/"), 204)
    body_of(await ada.request("DELETE", f"api-keys/{key['id']}/"), 204)
    assert not (await auth.introspect(key["key"]))["active"]
    assert (await auth.client.get("/readyz")).status_code == 200
