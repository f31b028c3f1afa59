"""The API of membership over HTTP, on memory adapters."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from segops_common.core.problems import Unauthenticated
from segops_common.security.permissions import KeyKind, Role, Scope
from segops_common.security.principal import KeyPrincipal, Principal, UserPrincipal
from segops_common.web.app import Running
from segops_language import Group
from segops_membership.app import api_app
from segops_membership.service.use_cases import UseCases
from tests.corpus.builders import count, event, group, job
from tests.unit.membership.harness import TENANT, MembershipInMemory

OTHER = 2
SEGMENT, EMPTY, UNKNOWN = 42, 43, 44
IN: Group = group(count())
MEMBERS = f"/api/segments/{SEGMENT}/members/"
EXPORT = f"/api/segments/{SEGMENT}/export/"
HISTORY = f"/api/segments/{SEGMENT}/history/"


class Callers:
    """Callers of both tenants."""

    def __init__(self) -> None:
        scopes = {Scope.MEMBERSHIP_READ, Scope.SEGMENTS_READ}
        self._principals: dict[str, Principal] = {
            "ApiKey ours": _key(TENANT, *scopes),
            "ApiKey theirs": _key(OTHER, *scopes),
            "ApiKey writes": _key(TENANT, Scope.SEGMENTS_WRITE, *scopes),
            "ApiKey theirs writes": _key(OTHER, Scope.SEGMENTS_WRITE, *scopes),
            "ApiKey blind": _key(TENANT, Scope.SEGMENTS_WRITE, Scope.SEGMENTS_READ),
            "ApiKey writer": _key(TENANT, Scope.EVENTS_WRITE),
            "ApiKey merger": _key(TENANT, Scope.IDENTITY_MERGE),
            "Bearer admin": UserPrincipal(user_id=3, roles={TENANT: Role.ADMIN}),
            "Bearer member": UserPrincipal(user_id=4, roles={TENANT: Role.MEMBER}),
            "Bearer viewer": UserPrincipal(user_id=1, roles={TENANT: Role.VIEWER}),
            "Bearer stranger": UserPrincipal(user_id=2, roles={}),
        }

    async def authenticate(self, authorization: str | None) -> Principal:
        if authorization not in self._principals:
            raise Unauthenticated("Not a known credential.")
        return self._principals[authorization]


def _key(tenant_id: int, *scopes: Scope) -> KeyPrincipal:
    return KeyPrincipal(key_id=1, tenant_id=tenant_id, scopes=frozenset(scopes), kind=KeyKind.SECRET)


@dataclass(frozen=True, slots=True)
class Api:
    """The API on memory adapters."""

    http: httpx.AsyncClient
    membership: MembershipInMemory

    async def get(
        self, path: str, credential: str | None = "ApiKey ours", headers: Mapping[str, str] | None = None, **query: Any
    ) -> httpx.Response:
        credentials = {"Authorization": credential} if credential else {}
        return await self.http.get(path, params=query or None, headers={**credentials, **(headers or {})})

    async def post(self, path: str, body: Any, credential: str | None = "ApiKey ours") -> httpx.Response:
        headers = {"Authorization": credential} if credential else {}
        return await self.http.post(path, json=body, headers=headers)

    async def publish(self, run_id: int, *users: str) -> None:
        """Add members to the segment."""
        self.membership.clock.advance(1)
        self.membership.store(*(event(user) for user in users))
        await self.membership.compute.run(job(TENANT, run_id, {SEGMENT: IN}))

    async def finished(self, member_format: str = "csv") -> str:
        """Request an export, carry it out, and return its id."""
        requested = await self.post(EXPORT, {"format": member_format})
        assert await self.membership.run_exports.run_next()
        return str(requested.json()["export_id"])


@asynccontextmanager
async def opened(membership: MembershipInMemory) -> AsyncIterator[Api]:
    """The app in this process. `SEGMENT` was computed, `EMPTY` was not."""
    await membership.define({SEGMENT: IN, EMPTY: IN})
    use_cases = membership.use_cases()

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[Running[UseCases]]:
        yield Running(use_cases, authenticator=Callers())

    app = api_app(lifespan)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as http,
    ):
        api = Api(http, membership)
        await api.publish(1, "ada", "bob")
        yield api


def slug(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


def ids(answer: httpx.Response) -> set[str]:
    return {member["user_id"] for member in answer.json()["results"]}
