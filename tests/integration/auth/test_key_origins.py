"""Publishable keys name the pages that they are for."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.auth.harness import AuthHarness, body_of, problem_of

PAGES = ["https://www.example.com", "http://localhost:3000"]


async def test_origins_are_kept_as_browsers_send_them_and_told_to_the_services(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    origins = ["https://WWW.example.com:443", "http://localhost:3000", "https://www.example.com"]
    made = await ada.new_key(kind="publishable", allowed_origins=origins)
    secret = made.pop("key")
    assert made.pop("hmac_secret") is None
    assert (made["allowed_origins"], made["scopes"]) == (PAGES, ["events:write"])
    listed = body_of(await ada.request("GET", "api-keys/", params={"tenant": str(ada.tenant)}), 200)
    assert listed["results"] == [made]
    introspected = await auth.introspect(secret)
    assert (introspected["kind"], introspected["allowed_origins"]) == ("publishable", PAGES)


async def test_without_a_list_no_page_is_named_and_all_only_by_the_star(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    assert (await ada.new_key(kind="publishable"))["allowed_origins"] == []
    assert (await ada.new_key(kind="publishable", allowed_origins=["*"]))["allowed_origins"] == ["*"]
    assert (await ada.new_key(allowed_origins=[]))["allowed_origins"] == []


@pytest.mark.parametrize(
    "origins",
    [
        "https://www.example.com",
        None,
        [1],
        [None],
        [["https://www.example.com"]],
        [""],
        ["null"],
        ["https://www.example.com/"],
        ["http://www.example.com"],
        ["https://*.example"],
        ["*", "https://www.example.com"],
        ["https://www.example.com\x00"],
        ["https://b\u00fccher.example"],
        ["https://" + "x" * 10_000],
        [f"https://{number}.example.com" for number in range(51)],
    ],
)
async def test_what_is_no_list_of_origins_is_refused(auth: AuthHarness, origins: object) -> None:
    ada = await auth.sign_up()
    made = await ada.new_key(kind="publishable", allowed_origins=PAGES)
    body = {"tenant": ada.tenant, "name": "key", "kind": "publishable", "allowed_origins": origins}
    problem_of(await ada.request("POST", "api-keys/", body), 422, "validation-failed")
    problem = problem_of(
        await ada.request("PATCH", f"api-keys/{made['id']}/", {"allowed_origins": origins}), 422, "validation-failed"
    )
    assert problem["errors"][0]["path"].startswith("allowed_origins")
    assert (await auth.introspect(made["key"]))["allowed_origins"] == PAGES


async def test_fifty_are_taken(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    fifty = [f"https://{number}.example.com" for number in range(50)]
    made = await ada.new_key(kind="publishable", allowed_origins=fifty)
    assert made["allowed_origins"] == fifty


async def test_a_secret_key_is_for_no_page(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    body = {"tenant": ada.tenant, "name": "key", "allowed_origins": PAGES}
    problem_of(await ada.request("POST", "api-keys/", body), 422, "validation-failed")
    made = await ada.new_key()
    path = f"api-keys/{made['id']}/"
    problem_of(await ada.request("PATCH", path, {"allowed_origins": PAGES}), 422, "validation-failed")
    assert body_of(await ada.request("PATCH", path, {"allowed_origins": []}), 200)["allowed_origins"] == []


async def test_another_list_replaces_the_one_before_and_is_in_the_audit_log(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    made = await ada.new_key(kind="publishable", allowed_origins=PAGES)
    changed = body_of(
        await ada.request("PATCH", f"api-keys/{made['id']}/", {"allowed_origins": ["https://b.example"]}), 200
    )
    secret = made.pop("key")
    assert changed == made | {"allowed_origins": ["https://b.example"]}
    assert (await auth.introspect(secret))["allowed_origins"] == ["https://b.example"]
    log = body_of(await ada.request("GET", f"tenants/{ada.tenant}/audit-log/"), 200)["results"]
    introspection = [(entry["action"], entry["details"]["allowed_origins"]) for entry in log[:2]]
    assert introspection == [("api_key.updated", "https://b.example"), ("api_key.created", " ".join(PAGES))]
    assert log[0]["target"] == f"api_key:{made['id']}"


async def test_a_rotation_keeps_the_origins(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    made = await ada.new_key(kind="publishable", allowed_origins=PAGES)
    rotated = body_of(await ada.request("POST", f"api-keys/{made['id']}/rotate/"), 200)
    assert rotated["key"].startswith("pk_live_")
    for key in (made["key"], rotated["key"]):
        assert (await auth.introspect(key))["allowed_origins"] == PAGES


@pytest.mark.parametrize("body", [{}, {"name": "x"}, {"allowed_origins": PAGES, "scopes": ["events:read"]}, []])
async def test_nothing_else_of_a_key_changes(auth: AuthHarness, body: Any) -> None:
    ada = await auth.sign_up()
    made = await ada.new_key(kind="publishable")
    problem_of(await ada.request("PATCH", f"api-keys/{made['id']}/", body), 422, "validation-failed")


async def test_a_key_of_others_and_a_revoked_one_look_absent(auth: AuthHarness) -> None:
    ada, eve = await auth.sign_up(), await auth.sign_up("eve")
    made = await ada.new_key(kind="publishable", allowed_origins=PAGES)
    for key_id in (made["id"], 2**62, 0, -1):
        problem_of(await eve.request("PATCH", f"api-keys/{key_id}/", {"allowed_origins": ["*"]}), 404, "not-found")
    assert (await auth.introspect(made["key"]))["allowed_origins"] == PAGES
    bob = await auth.join(ada, "member")
    problem_of(
        await bob.request("PATCH", f"api-keys/{made['id']}/", {"allowed_origins": ["*"]}), 403, "insufficient-role"
    )
    body_of(await ada.request("DELETE", f"api-keys/{made['id']}/"), 204)
    problem_of(await ada.request("PATCH", f"api-keys/{made['id']}/", {"allowed_origins": ["*"]}), 404, "not-found")
