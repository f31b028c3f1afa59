"""The explorer over HTTP, with a few users and segments."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from segops_common.contracts.jobs import SegmentChanged
from segops_common.core.problems import Unauthenticated
from segops_common.security.permissions import KeyKind, Role, Scope
from segops_common.security.principal import KeyPrincipal, Principal, UserPrincipal
from segops_common.web.app import Running
from segops_language import Group
from segops_membership.adapters.postgres.segment_definitions import PostgresSegmentDefinitions
from segops_membership.app import api_app
from segops_membership.ports.members.export_files import ExportFiles
from segops_membership.service.use_cases import UseCases
from tests.corpus.builders import NOW_MS, count, event, group, job, new_tenant
from tests.integration.membership.analysis import use_cases_of
from tests.integration.membership.harness import MembershipHarness

ODD = "a/b\\c ü%2F?"
BOUGHT = group(count("buy", "gte", 2), {"type": "user_property", "property": "plan", "operator": "eq", "value": "pro"})
SPENT = group(
    {
        "type": "event_aggregate",
        "event_type": "buy",
        "property": "total",
        "function": "sum",
        "operator": "gte",
        "value": 500,
    },
    {"logic": "OR", "conditions": [count("view"), count("buy", "lt", 2, window={"last": "1d"})]},
    logic="OR",
)


class KnownCallers:
    """Callers of our tenant and of another."""

    def __init__(self, tenant_id: int, other_id: int) -> None:
        self._principals: dict[str | None, Principal] = {
            "ApiKey ours": _key(tenant_id, Scope.PROFILES_READ, Scope.EVENTS_READ, Scope.SEGMENTS_READ),
            "ApiKey events": _key(tenant_id, Scope.EVENTS_READ),
            "ApiKey lookup": _key(tenant_id, Scope.MEMBERSHIP_READ),
            "ApiKey theirs": _key(other_id, Scope.PROFILES_READ, Scope.EVENTS_READ, Scope.SEGMENTS_READ),
            "Bearer viewer": UserPrincipal(user_id=1, roles={tenant_id: Role.VIEWER}),
            "Bearer owner": UserPrincipal(user_id=3, roles={tenant_id: Role.OWNER}),
            "Bearer both": UserPrincipal(user_id=2, roles={tenant_id: Role.VIEWER, other_id: Role.VIEWER}),
        }

    async def authenticate(self, authorization: str | None) -> Principal:
        if authorization not in self._principals:
            raise Unauthenticated("Not a known credential.")
        return self._principals[authorization]


def _key(tenant_id: int, *scopes: Scope) -> KeyPrincipal:
    return KeyPrincipal(key_id=1, tenant_id=tenant_id, scopes=frozenset(scopes), kind=KeyKind.SECRET)


@dataclass(frozen=True, slots=True)
class Api:
    """The running API. In the tenant, `ada` is in segment 42 and the odd user in 57."""

    http: httpx.AsyncClient
    tenant: int
    other: int

    async def get(
        self, path: str, credential: str | None = "ApiKey ours", *, api: str = "explorer", **query: str | int
    ) -> httpx.Response:
        headers = {} if credential is None else {"Authorization": credential}
        return await self.http.get(f"/api/{api}/{path}", params=query or None, headers=headers)

    async def json(self, path: str, **query: Any) -> Any:
        answer = await self.get(path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()


@asynccontextmanager
async def explorer_api(harness: MembershipHarness, *, files: ExportFiles | None = None) -> AsyncIterator[Api]:
    """The app in this process, on real engines."""
    tenant, other = new_tenant(), new_tenant()
    events = [
        event("ada", "$identify", at=NOW_MS - 9000, id="i1", plan="pro", name="Ada"),
        event("ada", "buy", at=NOW_MS - 5000, id="b1", total=20.5, site="https://shop/x"),
        event("ada", "buy", at=NOW_MS - 4000, id="b2", total=30),
        event(ODD, "buy", at=NOW_MS - 3000, id="b3", total=600),
    ]
    await harness.insert(tenant, events)
    await harness.insert(other, [event("ada", "secret", id="s", canary=1)])
    definitions = PostgresSegmentDefinitions(engine=harness.engine)
    await definitions.apply([named_segment(tenant, 42, BOUGHT, "Buyers"), named_segment(tenant, 57, SPENT, None)])
    await harness.compute.run(job(tenant, 1, {42: BOUGHT, 57: SPENT}))

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[Running[UseCases]]:
        yield Running(use_cases_of(harness, files=files), authenticator=KnownCallers(tenant, other), checks={})

    app = api_app(lifespan)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as http,
    ):
        yield Api(http, tenant, other)


def named_segment(tenant_id: int, segment_id: int, definition: Group, name: str | None) -> SegmentChanged:
    return SegmentChanged(
        tenant_id=tenant_id,
        segment_id=segment_id,
        version=3,
        definition=definition,
        refresh="manual",
        deleted=False,
        name=name,
    )


def slug_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition("/")[2]
