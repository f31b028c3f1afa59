"""The lookup route over HTTP: who may call, what is refused, what is answered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest

from segops_common.contracts.topics import EVENTS, profile_key
from segops_common.core.problems import Unauthenticated
from segops_common.security.permissions import KeyKind, Role, Scope
from segops_common.security.principal import KeyPrincipal, Principal, UserPrincipal
from segops_common.streams.memory import MemoryEventLog
from segops_common.web.app import Running
from segops_membership.app import api_app
from segops_membership.service.use_cases import UseCases
from tests.corpus.builders import NOW, count, event, group, job, new_tenant
from tests.integration.membership.analysis import define, use_cases_of
from tests.integration.membership.harness import MembershipHarness, event_row

PATH = "/api/segments/membership/"
OURS = {"Authorization": "ApiKey ours"}


def _key(tenant_id: int, scope: Scope) -> KeyPrincipal:
    return KeyPrincipal(key_id=1, tenant_id=tenant_id, scopes=frozenset({scope}), kind=KeyKind.SECRET)


class KnownCallers:
    """Callers of our tenant and of another."""

    def __init__(self, tenant_id: int, other_id: int) -> None:
        self._principals: dict[str, Principal] = {
            "ApiKey ours": _key(tenant_id, Scope.MEMBERSHIP_READ),
            "ApiKey theirs": _key(other_id, Scope.MEMBERSHIP_READ),
            "ApiKey writer": _key(tenant_id, Scope.EVENTS_WRITE),
            "Bearer viewer": UserPrincipal(user_id=1, roles={tenant_id: Role.VIEWER}),
            "Bearer both": UserPrincipal(
                user_id=3, roles={tenant_id: Role.VIEWER, tenant_id + 1: Role.OWNER}, known_slugs={tenant_id: "acme"}
            ),
            "Bearer stranger": UserPrincipal(user_id=2, roles={}),
        }

    async def authenticate(self, authorization: str | None) -> Principal:
        if authorization not in self._principals:
            raise Unauthenticated("Not a known credential.")
        return self._principals[authorization]


@dataclass(frozen=True, slots=True)
class Api:
    """The running API and the tenant in which `u` is in segment 42."""

    http: httpx.AsyncClient
    tenant: int
    other: int

    async def get(self, credential: str | None = "ApiKey ours", **query: str | int) -> httpx.Response:
        headers = {"Authorization": credential} if credential else {}
        return await self.http.get(PATH, params={"user_id": "u", **query}, headers=headers)


@pytest.fixture
async def api(harness: MembershipHarness) -> AsyncIterator[Api]:
    """The app in this process, on real engines."""
    tenant, other = new_tenant(), new_tenant()
    await harness.insert(tenant, [event("u")])
    await harness.compute.run(job(tenant, 1, {42: group(count())}))

    use_cases = use_cases_of(harness)

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[Running[UseCases]]:
        yield Running(use_cases, authenticator=KnownCallers(tenant, other), checks={"lookup": harness.lookup.check})

    app = api_app(lifespan)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as http,
    ):
        yield Api(http, tenant, other)


async def test_no_credentials(api: Api) -> None:
    answer = await api.get(None)

    assert answer.status_code == 401
    assert "WWW-Authenticate" in answer.headers


async def test_a_key_without_the_scope(api: Api) -> None:
    answer = await api.get("ApiKey writer")

    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (403, "insufficient-scope")


async def test_the_user_of_another_tenant_is_nobody_here(api: Api) -> None:
    answer = await api.get("ApiKey theirs")

    assert (answer.status_code, answer.json()["segment_ids"]) == (200, [])


async def test_a_key_asks_for_its_own_tenant_only(api: Api) -> None:
    assert (await api.get(tenant=api.tenant)).status_code == 200
    refused = await api.get(tenant=api.other)
    unknown = await api.get(tenant=2**63 - 1)

    assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (403, "tenant-mismatch")
    assert unknown.json()["detail"] == refused.json()["detail"]


async def test_a_person_of_several_tenants_names_one(api: Api) -> None:
    missing_part = await api.get("Bearer both")
    accepted = [await api.get("Bearer both", tenant=api.tenant), await api.get("Bearer both", tenant_slug="acme")]
    only = await api.get("Bearer viewer")
    foreign = [await api.get("Bearer stranger", **named) for named in ({"tenant": api.tenant}, {"tenant_slug": "acme"})]

    assert (missing_part.status_code, missing_part.json()["errors"][0]["path"]) == (422, "query.tenant")
    assert [answer.json()["segment_ids"] for answer in (*accepted, only)] == [[42]] * 3
    assert [answer.status_code for answer in foreign] == [403, 403]


async def test_the_answer_of_the_quickstart(api: Api) -> None:
    first, second = await api.get(), await api.get()

    assert first.json() == {"user_id": "u", "segment_ids": [42], "cached": False}
    assert second.json() == {"user_id": "u", "segment_ids": [42], "cached": True}


async def test_the_path_without_its_slash(api: Api) -> None:
    answer = await api.http.get(PATH.rstrip("/"), params={"user_id": "u"}, headers=OURS)

    assert (answer.status_code, answer.json()["segment_ids"]) == (200, [42])


async def test_as_of(api: Api) -> None:
    before = await api.get(as_of="2026-03-01T11:59:59.999Z")
    then = await api.get(as_of=NOW.isoformat())
    ancient = await api.get(as_of="0001-01-01T00:00:00Z")
    far = await api.get(as_of="9999-12-31T23:59:59.999Z")

    assert [answer.json()["segment_ids"] for answer in (before, then, ancient, far)] == [[], [42], [], [42]]
    assert not then.json()["cached"]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 422),
        ("user_id=", 422),
        ("user_id=a&user_id=b", 422),
        ("user_id=" + "x" * 257, 422),
        ("user_id=%00", 422),
        ("user_id=%09%0A", 422),
        ("user_id=%EF%BB%BF", 422),
        ("user_id=%ff%fe", 400),
        ("user_id=u&tenant=0", 422),
        ("user_id=u&tenant=9223372036854775808", 422),
        ("user_id=u&tenant=1e3", 422),
        ("user_id=u&tenant=42;drop", 422),
        ("user_id=u&as_of=yesterday", 422),
        ("user_id=u&as_of=2026-02-30T00:00:00Z", 422),
        ("user_id=u&as_of=2026-03-01T12:00:00", 422),
        ("user_id=u&as_of=1772366400", 422),
    ],
)
async def test_refused_queries(api: Api, query: str, status: int) -> None:
    answer = await api.http.get(f"{PATH}?{query}", headers=OURS)

    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.content) < 2048


@pytest.mark.parametrize(
    "user_id", ["x" * 256, "😀" * 256, "' OR 1=1--", "{user:String}", "\\", " u", "u ", "U", "%00", "u\ufeff"]
)
async def test_unknown_users_of_any_name(api: Api, user_id: str) -> None:
    answer = await api.get(user_id=user_id)

    assert (answer.status_code, answer.json()) == (200, {"user_id": user_id, "segment_ids": [], "cached": False})


async def test_other_methods_and_bodies(api: Api) -> None:
    posted = await api.http.post(PATH, headers=OURS)
    with_body = await api.http.request("GET", PATH, params={"user_id": "u"}, content=b"{", headers=OURS)

    assert posted.status_code == 405
    assert with_body.status_code == 200


async def test_health(api: Api) -> None:
    assert (await api.http.get("/healthz")).status_code == 200
    assert (await api.http.get("/readyz")).json() == {"status": "ok", "checks": {"lookup": "ok"}}


async def test_now_evaluates_segments_that_were_never_computed(api: Api, harness: MembershipHarness) -> None:
    """Also by events that no sink has stored: here none runs."""
    await define(harness, api.tenant, {42: group(count()), 43: group(count("buy"))})
    answer = (await api.get(now="true")).json()
    assert {**answer, "as_of": ""} == {
        "user_id": "u", "segment_ids": [42], "cached": False, "as_of": "", "stale": False,
    }  # fmt: skip
    await harness.log.append(EVENTS, profile_key(api.tenant, "u"), event_row(api.tenant, event("u", "buy")))
    assert (await api.get(now="true")).json()["segment_ids"] == [42, 43]
    assert (await api.get()).json()["segment_ids"] == [42]
    assert (await api.get("ApiKey theirs", now="true")).json()["segment_ids"] == []
    assert (await api.get("ApiKey writer", now="true")).status_code == 403
    assert (await api.get(None, now="true")).status_code == 401


async def test_now_without_the_log_is_stale(api: Api, harness: MembershipHarness) -> None:
    assert isinstance(harness.log, MemoryEventLog)
    await define(harness, api.tenant, {42: group(count())})
    harness.log.reachable = False
    answer = (await api.get(now="true")).json()
    assert (answer["segment_ids"], answer["stale"]) == ([42], True)
    assert answer["stale_reason"] == "the event log does not respond"
    harness.log.reachable = True


@pytest.mark.parametrize("query", [{"now": "true", "as_of": NOW.isoformat()}, {"now": "perhaps"}])
async def test_now_is_a_flag_and_excludes_another_instant(api: Api, query: dict[str, str]) -> None:
    answer = await api.get(**query)
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "query.now")
