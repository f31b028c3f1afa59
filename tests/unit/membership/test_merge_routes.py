"""Merging users over HTTP, on memory adapters."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote

import pytest

from segops_membership.domain.identity.joins import Claim, IdentityFacts
from segops_membership.domain.identity.merges import Resolution
from tests.corpus.builders import NOW_MS
from tests.unit.membership.api import OTHER, Api, slug
from tests.unit.membership.harness import TENANT

MERGE, UNMERGE = "/api/identity/merge/", "/api/identity/unmerge/"
BODY = {"from_user_id": "ada", "into_user_id": "bob"}


async def test_a_merge_is_made_and_undone(api: Api) -> None:
    made = (await api.post(MERGE, BODY, "ApiKey merger")).json()
    assert (made["from_user_id"], made["into_user_id"], made["merged_by"]) == ("ada", "bob", "api_key:1")
    assert (made["unmerged_at"], made["unmerged_by"]) == (None, None)
    assert (await api.post(MERGE, BODY | {"tenant": TENANT}, "Bearer admin")).json() == made
    undone = (await api.post(UNMERGE, {"from_user_id": "ada"}, "Bearer admin")).json()
    assert (undone["merged_at"], undone["unmerged_by"]) == (made["merged_at"], "user:3")
    assert datetime.fromisoformat(undone["unmerged_at"]) > datetime.fromisoformat(made["merged_at"])


@pytest.mark.parametrize(
    ("credential", "refusal"),
    [
        ("ApiKey ours", (403, "insufficient-scope")),
        ("Bearer member", (403, "insufficient-role")),
        ("Bearer stranger", (403, "insufficient-role")),
        (None, (401, "unauthenticated")),
    ],
)
async def test_admins_and_keys_with_the_scope_merge(api: Api, credential: str | None, refusal: tuple[int, str]) -> None:
    assert slug(await api.post(MERGE, BODY, credential)) == refusal
    assert slug(await api.post(UNMERGE, {"from_user_id": "ada"}, credential)) == refusal


async def test_what_is_refused(api: Api) -> None:
    conflict = await api.post(MERGE, {"from_user_id": "ada", "into_user_id": "ada"}, "ApiKey merger")
    assert slug(conflict) == (409, "merge-cycle")
    assert "`ada`" in conflict.json()["detail"]
    assert slug(await api.post(UNMERGE, {"from_user_id": "x"}, "ApiKey merger")) == (409, "not-merged")
    assert slug(await api.post(MERGE, BODY | {"tenant": OTHER}, "ApiKey merger")) == (403, "tenant-mismatch")
    for wrong in ({}, {"from_user_id": ""}, {"into_user_id": "\0"}, {"from_user_id": 1}, {"into_user_id": "x" * 257}):
        body = {**BODY, **wrong} if wrong else {"from_user_id": "ada"}
        assert (await api.post(MERGE, body, "ApiKey merger")).status_code == 422


async def test_the_ids_of_a_person_are_listed_with_their_reasons(api: Api) -> None:
    rows = api.membership.warehouse.tenant(TENANT)
    claims = (Claim("browser", "ada", NOW_MS - 5, "m-1"), Claim("browser", "eve", NOW_MS - 4, "m-0"))
    made = (await api.post(MERGE, BODY, "ApiKey merger")).json()
    merge = Resolution(1, datetime.fromisoformat(made["merged_at"]), "ada", "bob")
    rows.facts = IdentityFacts(claims, resolutions=(merge,))
    claim = {"user_id": "ada", "timestamp": "2026-03-01T11:59:59.995000Z", "message_id": "m-1"}
    visitor = {"id": "browser", "reason": "claim", "claim": claim, "merge": None}
    merged = {"id": "ada", "reason": "merge", "claim": None, "merge": made}

    for id in ("bob", "ada", "browser"):
        assert await ids_of(api, id) == {"user_id": "bob", "joined": [merged, visitor]}

    undone = (await api.post(UNMERGE, {"from_user_id": "ada"}, "ApiKey merger")).json()
    ended = Resolution(2, datetime.fromisoformat(undone["unmerged_at"]), "ada", "ada")
    rows.facts = IdentityFacts(claims, resolutions=(merge, ended))
    api.membership.clock.advance(1)
    assert await ids_of(api, "bob") == {"user_id": "bob", "joined": []}
    assert await ids_of(api, "browser") == {"user_id": "ada", "joined": [visitor]}
    assert await ids_of(api, "nobody/?") == {"user_id": "nobody/?", "joined": []}


async def ids_of(api: Api, id: str) -> object:
    answer = await api.get(f"/api/identity/{quote(id, safe='')}/", "Bearer viewer", tenant=TENANT)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_only_who_reads_profiles_sees_the_ids_of_a_person(api: Api) -> None:
    assert slug(await api.get("/api/identity/ada/", "ApiKey merger")) == (403, "insufficient-scope")
    assert slug(await api.get("/api/identity/ada/", "Bearer stranger", tenant=TENANT)) == (403, "insufficient-role")
    assert slug(await api.get("/api/identity/ada/", None)) == (401, "unauthenticated")
