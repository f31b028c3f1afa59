"""Previews, plans and overlaps over HTTP: who may call, what is refused, what is answered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from segops_common.core.problems import Unauthenticated, Unavailable
from segops_common.security.permissions import KeyKind, Role, Scope
from segops_common.security.principal import KeyPrincipal, Principal, UserPrincipal
from segops_common.web.app import Running
from segops_local.state.ports import free_port
from segops_membership.app import api_app
from segops_membership.bootstrap import Bootstrap
from segops_membership.service.use_cases import UseCases
from segops_membership.settings import Settings
from tests.corpus.builders import NOW, count, event, group, job, new_tenant
from tests.integration.membership.analysis import define, use_cases_of
from tests.integration.membership.harness import MembershipHarness

AT = "2026-03-01T12:00:00Z"
LOGGED_IN = {"logic": "AND", "conditions": [count()]}
EVERYONE: dict[str, Any] = {"logic": "AND", "conditions": []}


def _key(tenant_id: int, scope: Scope) -> KeyPrincipal:
    return KeyPrincipal(key_id=1, tenant_id=tenant_id, scopes=frozenset({scope}), kind=KeyKind.SECRET)


class KnownCallers:
    """Callers of our tenant and of another."""

    def __init__(self, tenant_id: int, other_id: int) -> None:
        self._principals: dict[str, Principal] = {
            "ApiKey ours": _key(tenant_id, Scope.SEGMENTS_READ),
            "ApiKey theirs": _key(other_id, Scope.SEGMENTS_READ),
            "ApiKey lookup": _key(tenant_id, Scope.MEMBERSHIP_READ),
            "Bearer viewer": UserPrincipal(user_id=1, roles={tenant_id: Role.VIEWER}),
            "Bearer stranger": UserPrincipal(user_id=2, roles={other_id: Role.OWNER}),
        }

    async def authenticate(self, authorization: str | None) -> Principal:
        if authorization not in self._principals:
            raise Unauthenticated("Not a known credential.")
        return self._principals[authorization]


@dataclass(frozen=True, slots=True)
class Api:
    """The running API and a tenant with two segments; the first is published and contains `u`."""

    http: httpx.AsyncClient
    tenant: int
    segment: int
    other: int
    foreign: int

    async def ask(self, name: str, body: dict[str, Any], credential: str | None = "ApiKey ours") -> httpx.Response:
        headers = {"Authorization": credential} if credential else {}
        path = "/api/segments/preview/" if name == "preview" else f"/api/segments/membership/{name}/"
        return await self.http.post(path, json=body, headers=headers)

    async def estimate(self, segment_id: int, credential: str | None = "ApiKey ours") -> httpx.Response:
        """Ask without a body."""
        headers = {"Authorization": credential} if credential else {}
        return await self.http.post(f"/api/segments/{segment_id}/estimate/", headers=headers)

    def bodies(self) -> dict[str, dict[str, Any]]:
        """One good body for each route."""
        return {
            "preview": {"tenant": self.tenant, "definition": LOGGED_IN, "as_of": AT},
            "plan": {"segment_id": self.segment, "definition": EVERYONE, "as_of": AT},
            "overlap": {"tenant": self.tenant, "segment_ids": [self.segment, self.segment + 1]},
        }


@pytest.fixture
async def api(harness: MembershipHarness) -> AsyncIterator[Api]:
    """The app in this process, on real engines."""
    tenant, other = new_tenant(), new_tenant()
    segment, foreign = tenant * 10, other * 10
    refers = {"type": "segment", "segment_id": segment}
    await harness.insert(tenant, [event("u"), event("v", "other")])
    await define(harness, tenant, {segment: group(count()), segment + 1: group(refers)})
    await define(harness, other, {foreign: group()})
    await harness.compute.run(job(tenant, 1, {segment: group(count())}))
    use_cases = use_cases_of(harness)

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[Running[UseCases]]:
        yield Running(use_cases, authenticator=KnownCallers(tenant, other), checks={})

    app = api_app(lifespan)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as http,
    ):
        yield Api(http, tenant, segment, other, foreign)


async def test_answers(api: Api) -> None:
    bodies = api.bodies()
    preview, plan, overlap = [(await api.ask(name, bodies[name])).json() for name in ("preview", "plan", "overlap")]

    assert preview.pop("rows_read") > 0
    assert preview.pop("bytes_read") > 0
    statements = preview.pop("sql").split("\n\n")
    assert [statement.partition("\n")[0] for statement in statements] == ["-- all profiles", "-- 1 predicate"]
    assert f"tenant_id = {api.tenant} AND event_type = 'login'" in statements[1]
    assert preview == {
        "as_of": AT,
        "predicates": 1,
        "cached_predicates": 0,
        "pending_profiles": 0,
        "incomplete": False,
        "behind": None,
        "matched_users": 1,
        "sample_user_ids": ["u"],
        "universe": 2,
        "per_condition": [{"path": "definition.conditions[0]", "kept": 1, "dropped": 1}],
        "warnings": [],
    }
    # What the preview read as of the instant is not read again.
    assert plan == {
        "as_of": AT,
        "predicates": 1,
        "cached_predicates": 1,
        "rows_read": 0,
        "bytes_read": 0,
        "pending_profiles": 0,
        "incomplete": False,
        "behind": None,
        "segment_id": api.segment,
        "version": 1,
        "before": {"count": 1},
        "after": {"count": 2},
        "entering": {"count": 1, "sample": ["v"]},
        "leaving": {"count": 0, "sample": []},
        "staying": 1,
        "dependents": [api.segment + 1],
        "text_diff": '--- before\n+++ after\n@@ -1,3 +1,2 @@\n all of {\n-  count "login" gte 1\n }\n',
        "added": [],
        "removed": ['count "login" gte 1'],
    }
    assert overlap == {
        "segments": [{"segment_id": api.segment, "size": 1}, {"segment_id": api.segment + 1, "size": 0}],
        "intersections": [{"segment_ids": [api.segment, api.segment + 1], "size": 0}],
    }


@pytest.mark.parametrize(
    ("credential", "statuses"),
    [
        (None, (401, 401, 401)),
        ("ApiKey nobody", (401, 401, 401)),
        ("ApiKey lookup", (403, 403, 403)),
        ("ApiKey theirs", (403, 404, 403)),
        ("Bearer stranger", (403, 404, 403)),
        ("Bearer viewer", (200, 200, 200)),
    ],
)
async def test_who_may_ask(api: Api, credential: str | None, statuses: tuple[int, ...]) -> None:
    answers = [await api.ask(name, body, credential) for name, body in api.bodies().items()]

    assert tuple(answer.status_code for answer in answers) == statuses


async def test_an_estimate_evaluates_the_saved_definition(api: Api) -> None:
    answer = await api.estimate(api.segment)

    estimate = answer.json()
    assert answer.status_code == 200, estimate
    assert estimate.keys() >= {"as_of", "rows_read", "incomplete"}
    assert {key: estimate[key] for key in ("segment_id", "version", "matched_users", "universe")} == {
        "segment_id": api.segment,
        "version": 1,
        "matched_users": 1,
        "universe": 2,
    }


async def test_who_may_estimate(api: Api) -> None:
    credentials = (None, "ApiKey lookup", "ApiKey theirs", "Bearer stranger", "Bearer viewer")
    answers = [await api.estimate(api.segment, credential) for credential in credentials]
    unknown = [await api.estimate(segment) for segment in (2**63 - 1, 0, -(2**63), api.foreign)]

    assert [answer.status_code for answer in answers] == [401, 403, 404, 404, 200]
    assert [answer.status_code for answer in unknown] == [404, 404, 404, 404]


async def test_a_documented_definition_is_previewed(api: Api) -> None:
    documented = [
        {"type": "recency", "event_type": "login", "operator": "gt", "window_days": 30, "negate": True},
        {"type": "segment_membership", "segment_id": 12345, "operator": "in"},
    ]
    body = {"tenant": api.tenant, "as_of": AT, "limit": 0}
    answer = await api.ask("preview", {**body, "definition": {"logic": "AND", "conditions": documented[:1]}})
    refused = await api.ask("preview", {**body, "definition": {"logic": "AND", "conditions": documented}})

    preview = answer.json()
    assert (preview["matched_users"], preview["sample_user_ids"]) == (2, [])
    assert [share["path"] for share in preview["per_condition"]] == ["definition.conditions[0]"]
    assert [fault["path"] for fault in refused.json()["errors"]] == ["definition.conditions[1].segment_id"]


async def test_a_segment_of_others_is_as_unknown_as_none(api: Api) -> None:
    foreign, unknown = [
        [
            await api.ask("plan", {"segment_id": segment, "definition": EVERYONE}),
            await api.ask("overlap", {"tenant": api.tenant, "segment_ids": [api.segment, segment]}),
        ]
        for segment in (api.foreign, 2**63 - 1)
    ]

    for one, other in zip(foreign, unknown, strict=True):
        assert (one.status_code, one.json() | {"instance": ""}) == (404, other.json() | {"instance": ""})


@pytest.mark.parametrize(
    ("condition", "slug", "path"),
    [
        ({"type": "event_count"}, "validation-failed", ".event_type"),
        (count(operator="like"), "validation-failed", ".operator"),
        (count(value="1"), "validation-failed", ".value"),
        ({"type": "segment", "segment_id": 12345}, "validation-failed", ".segment_id"),
        ({"type": "segment", "segment_id": "foreign"}, "validation-failed", ".segment_id"),
        ({"type": "segment", "segment_id": "itself"}, "segment-cycle", ".segment_id"),
        ({"type": "segment", "segment_id": "dependent"}, "segment-cycle", ".segment_id"),
    ],
)
async def test_refused_definitions(api: Api, condition: dict[str, Any], slug: str, path: str) -> None:
    named = {"foreign": api.foreign, "itself": api.segment, "dependent": api.segment + 1}
    if condition.get("segment_id") in named:
        condition = condition | {"segment_id": named[condition["segment_id"]]}
    definition = {"logic": "AND", "conditions": [count(), {"logic": "OR", "conditions": [condition]}]}
    for name, more in (("preview", {"tenant": api.tenant, "segment_id": api.segment}), ("plan", {})):
        body = {"segment_id": api.segment, "definition": definition} | more
        answer = await api.ask(name, body)

        problem = answer.json()
        assert (answer.status_code, problem["type"].rpartition("/")[2]) == (422, slug), problem
        assert problem["errors"][0]["path"] == f"definition.conditions[1].conditions[0]{path}"


@pytest.mark.parametrize(
    ("name", "change", "path"),
    [
        ("preview", {"as_of": "2999-01-01T00:00:00Z"}, "as_of"),
        ("preview", {"as_of": "yesterday"}, "as_of"),
        ("preview", {"as_of": None}, "as_of"),
        ("preview", {"tenant": 0}, "tenant"),
        ("preview", {"segments": 1}, "segments"),
        ("preview", {"limit": 101}, "limit"),
        ("preview", {"limit": -1}, "limit"),
        ("preview", {"definition": None}, "definition"),
        ("plan", {"segment_id": 0}, "segment_id"),
        ("plan", {"base_definition": {"logic": "XOR", "conditions": []}}, "base_definition.logic"),
        (
            "plan",
            {"base_definition": group({"type": "segment", "segment_id": 2**40}).model_dump(mode="json")},
            "base_definition.conditions[0].segment_id",
        ),
        ("plan", {"as_of": "2999-01-01T00:00:00Z"}, "as_of"),
        ("overlap", {"segment_ids": [1]}, "segment_ids"),
        ("overlap", {"segment_ids": [1, 1]}, "segment_ids"),
        ("overlap", {"segment_ids": list(range(1, 22))}, "segment_ids"),
        ("overlap", {"segment_ids": [1, "2"]}, "segment_ids[1]"),
    ],
)
async def test_refused_bodies(api: Api, name: str, change: dict[str, Any], path: str) -> None:
    answer = await api.ask(name, api.bodies()[name] | change)

    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert [fault["path"] for fault in answer.json()["errors"]] == [path]


async def test_an_instant_of_long_ago_knows_nobody(api: Api) -> None:
    answer = await api.ask("preview", api.bodies()["preview"] | {"as_of": "0001-01-01T00:00:00Z"})

    assert (answer.status_code, answer.json()["universe"], answer.json()["as_of"]) == (200, 0, "0001-01-01T00:00:00Z")


async def test_lookups_do_without_postgresql_and_previews_say_that_they_cannot(
    harness: MembershipHarness, clickhouse_url: str, redis_url: str
) -> None:
    tenant = new_tenant()
    await harness.insert(tenant, [event("u")])
    await harness.compute.run(job(tenant, 1, {42: group(count())}))
    nobody = f"127.0.0.1:{free_port()}"
    settings = Settings(
        postgres_url=f"postgresql+asyncpg://u:p@{nobody}/d",
        redis_url=redis_url,
        clickhouse_url=clickhouse_url,
        event_log_url=f"valkey://{nobody}/0",
        auth_url=f"http://{nobody}",
        service_token=SecretStr("not-used"),
    )

    async with Bootstrap(settings).api() as running:
        for check in running.checks.values():
            await check()
        segments = await running.state.lookup.segments_of(tenant, "u")
        with pytest.raises(Unavailable) as refusal:
            await running.state.previews.preview(tenant, group(count()), segment_id=None, as_of=NOW)

    assert segments.segment_ids == (42,)
    assert refusal.value.headers["Retry-After"] == "1"


async def test_the_sql_of_a_definition_is_what_a_run_would_send(api: Api) -> None:
    hostile = "x'); DROP TABLE events --"
    where = [{"property": hostile, "operator": "eq", "value": hostile}]
    definition = {"logic": "AND", "conditions": [count(), count("login", where=where), count(hostile)]}

    answer = await api.ask("sql", {"tenant": api.tenant, "definition": definition})

    assert answer.status_code == 200, answer.text
    queries = answer.json()["queries"]
    # What the index leaves to be read changes as parts are merged.
    rows = [query.pop("rows") for query in queries]
    assert rows[0] > 0
    assert queries[0]["predicates"] == 0
    assert sorted(query["predicates"] for query in queries[1:]) == [1, 2]
    assert all("tenant_id = {" in query["sql"] and "DROP" not in query["sql"] for query in queries)
    assert all(api.tenant in query["parameters"].values() for query in queries)
    assert all(hostile in query["parameters"].values() for query in queries[1:])
    again = await api.ask("sql", {"tenant": api.tenant, "definition": definition, "as_of": answer.json()["as_of"]})
    assert [query | {"rows": 0} for query in queries] == [query | {"rows": 0} for query in again.json()["queries"]]
    refused = await api.ask("sql", {"tenant": api.tenant, "definition": {"logic": "XOR", "conditions": []}})
    assert refused.status_code == 422
