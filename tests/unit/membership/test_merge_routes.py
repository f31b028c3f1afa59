"""Merging users over HTTP, on memory adapters."""

from __future__ import annotations

from datetime import datetime

import pytest

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
