"""The route of explanations over HTTP: who may call, what is refused, what is answered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from segops_common.contracts.jobs import SegmentChanged, StaticMembersChanged
from segops_common.core.problems import Unauthenticated
from segops_common.security.permissions import KeyKind, Scope
from segops_common.security.principal import KeyPrincipal, Principal
from segops_common.web.app import Running
from segops_language import Group
from segops_membership.adapters.postgres.segment_definitions import PostgresSegmentDefinitions
from segops_membership.app import api_app
from segops_membership.service.use_cases import UseCases
from tests.corpus.builders import NOW, NOW_MS, count, event, group, new_tenant
from tests.integration.membership.analysis import use_cases_of
from tests.integration.membership.harness import MembershipHarness

BOUGHT = group(count("buy", "gte", 2, window={"last": "1d"}))
LISTED = Group(logic="OR", conditions=())


class KnownCallers:
    """Keys of our tenant and of another."""

    def __init__(self, tenant_id: int, other_id: int) -> None:
        both = (Scope.MEMBERSHIP_READ, Scope.SEGMENTS_READ)
        self._principals: dict[str | None, Principal] = {
            "ApiKey ours": _key(tenant_id, *both),
            "ApiKey theirs": _key(other_id, *both),
            "ApiKey lookup": _key(tenant_id, Scope.MEMBERSHIP_READ),
            "ApiKey author": _key(tenant_id, Scope.SEGMENTS_READ),
        }

    async def authenticate(self, authorization: str | None) -> Principal:
        if authorization not in self._principals:
            raise Unauthenticated("Not a known credential.")
        return self._principals[authorization]


def _key(tenant_id: int, *scopes: Scope) -> KeyPrincipal:
    return KeyPrincipal(key_id=1, tenant_id=tenant_id, scopes=frozenset(scopes), kind=KeyKind.SECRET)


@dataclass(frozen=True, slots=True)
class Api:
    """The running API and a tenant with a segment of rules and a static one."""

    http: httpx.AsyncClient
    tenant: int
    other: int

    async def explain(self, credential: str = "ApiKey ours", **body: Any) -> httpx.Response:
        requested = {"tenant": self.tenant, "user_id": "u", "as_of": NOW.isoformat(), **body}
        headers = {"Authorization": credential}
        return await self.http.post("/api/segments/membership/explain/", json=requested, headers=headers)


@pytest.fixture
async def api(harness: MembershipHarness) -> AsyncIterator[Api]:
    """The app in this process, on real engines."""
    tenant, other = new_tenant(), new_tenant()
    definitions = PostgresSegmentDefinitions(engine=harness.engine)
    await harness.insert(tenant, [event("u", "buy", at=NOW_MS - 1000, id="m1"), event("u", "buy", at=NOW_MS, id="m2")])
    await definitions.apply([_segment(tenant, 42, BOUGHT), _segment(tenant, 57, LISTED)])
    listed = StaticMembersChanged(
        tenant_id=tenant, segment_id=57, list_version=1, base_version=0, part=1, parts=1, replace=True, add=("listed",)
    )
    await harness.lists.store([listed])

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[Running[UseCases]]:
        yield Running(use_cases_of(harness), authenticator=KnownCallers(tenant, other), checks={})

    app = api_app(lifespan)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as http,
    ):
        yield Api(http, tenant, other)


def _segment(tenant_id: int, segment_id: int, definition: Group) -> SegmentChanged:
    return SegmentChanged(
        tenant_id=tenant_id, segment_id=segment_id, version=3, definition=definition, refresh="manual", deleted=False
    )


def _slug(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


async def test_a_saved_segment_is_explained(api: Api) -> None:
    answer = (await api.explain(segment_id=42)).json()

    leaf = answer["tree"]["children"][0]
    assert {key: answer[key] for key in ("segment_id", "version", "known", "member", "next_change_at")} == {
        "segment_id": 42,
        "version": 3,
        "known": True,
        "member": True,
        "next_change_at": "2026-03-02T11:59:59Z",
    }
    assert (leaf["path"], leaf["evidence"], leaf["holds"]) == ("definition.conditions[0]", "2 of 2", True)
    assert [stored_event["message_id"] for stored_event in leaf["events"]] == ["m1", "m2"]


async def test_a_definition_of_the_request_may_refer_to_segments(api: Api) -> None:
    refers = {
        "logic": "AND",
        "conditions": [{"type": "segment", "segment_id": 42}, {"type": "segment", "segment_id": 57}],
    }

    answer = (await api.explain(definition=refers)).json()

    rules, static = answer["tree"]["children"]
    assert (answer["version"], answer["member"], rules["holds"], static["holds"]) == (None, False, True, False)
    assert rules["children"][0]["path"] == "definition.conditions[0].definition"
    assert static["unmet"] == "membership of segment 57"


async def test_a_static_segment_is_explained_by_its_list(api: Api) -> None:
    listed = (await api.explain(segment_id=57, user_id="listed")).json()
    other = (await api.explain(segment_id=57)).json()

    assert (listed["known"], listed["member"], other["known"], other["member"]) == (False, True, True, False)


async def test_an_unknown_user_is_no_member(api: Api) -> None:
    never = group(count("buy", "eq", 0)).model_dump(mode="json")

    answer = await api.explain(definition=never, user_id="nobody")

    assert answer.status_code == 200
    assert (answer.json()["known"], answer.json()["member"]) == (False, False)


async def test_both_scopes_and_the_tenant_are_needed(api: Api) -> None:
    assert _slug(await api.explain("ApiKey lookup", segment_id=42)) == (403, "insufficient-scope")
    assert _slug(await api.explain("ApiKey author", segment_id=42)) == (403, "insufficient-scope")
    assert _slug(await api.explain("ApiKey theirs", segment_id=42)) == (403, "tenant-mismatch")
    assert _slug(await api.explain("ApiKey theirs", segment_id=42, tenant=api.other)) == (404, "not-found")


async def test_faults_name_their_place(api: Api) -> None:
    lost = {"logic": "AND", "conditions": [{"type": "segment", "segment_id": 99}]}
    circle = {"logic": "AND", "conditions": [{"type": "segment", "segment_id": 42}]}
    wrong = {"logic": "AND", "conditions": [{"type": "event_count"}]}

    faults = [
        (await api.explain(**body)).json()["errors"][0]["path"]
        for body in ({}, {"definition": lost}, {"definition": wrong}, {"segment_id": 42, "user_id": ""})
    ]

    assert faults[1] == "definition.conditions[0].segment_id"
    assert faults[2].startswith("definition.conditions[0].")
    assert (faults[0], faults[3]) == ("segment_id", "user_id")
    assert _slug(await api.explain(definition=circle, segment_id=42)) == (422, "segment-cycle")
