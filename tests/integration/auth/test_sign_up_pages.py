"""What a page asks before anyone signs in: who may sign up, and whether a slug is available."""

from __future__ import annotations

import pytest

from segops_auth.domain.registration import Registration
from segops_auth.settings import Settings
from tests.integration.auth.harness import PASSWORD, AuthHarness, body_of, opened, problem_of, unique


async def test_a_slug_is_checked_without_a_credential(auth: AuthHarness) -> None:
    ada = await auth.sign_up()
    taken = body_of(await auth.client.get("/api/auth/tenants/slug-check/", params={"slug": ada.slug}), 200)
    assert taken == {
        "slug": ada.slug,
        "available": False,
        "suggestion": f"{ada.slug}-2",
        "fault": "must not be the slug of another tenant",
    }
    free = body_of(await ada.request("GET", f"tenants/slug-check/?slug={taken['suggestion']}"), 200)
    assert free == {"slug": taken["suggestion"], "available": True, "suggestion": None, "fault": None}


@pytest.mark.parametrize("slug", ["%00", "a%00b", "%E2%98%83", "Acme%20Inc.", "x" * 200, "'%20OR%201=1"])
async def test_any_text_gets_an_answer(auth: AuthHarness, slug: str) -> None:
    answer = await auth.client.get(f"/api/auth/tenants/slug-check/?slug={slug}")
    if answer.status_code == 422:
        assert [fault["code"] for fault in answer.json()["errors"]] == ["nul-character"], answer.text
    else:
        assert not body_of(answer, 200)["available"]


@pytest.mark.parametrize("query", ["", "?slug=", f"?slug={'x' * 201}", "?slug=a&name=b"])
async def test_what_is_no_slug_is_refused(auth: AuthHarness, query: str) -> None:
    assert (await auth.client.get(f"/api/auth/tenants/slug-check/{query}")).status_code == 422


async def test_an_open_installation_says_so(auth: AuthHarness) -> None:
    assert body_of(await auth.client.get("/api/auth/config/"), 200)["signup"] == "open"


async def test_an_installation_for_the_invited(auth_settings: Settings, auth: AuthHarness) -> None:
    settings = auth_settings.model_copy(update={"signup": Registration.INVITED})
    host, name = await auth.sign_up(), unique("new")
    async with opened(settings, auth.clock) as invited:
        assert body_of(await invited.client.get("/api/auth/config/"), 200)["signup"] == "invited"
        body = {"email": f"{name}@example.com", "password": PASSWORD, "tenant_name": name, "tenant_slug": name}
        problem_of(await invited.post("signup/", body), 403, "signup-closed")
        await invited.join(host, "member")


async def test_a_closed_installation(auth_settings: Settings, auth: AuthHarness) -> None:
    settings = auth_settings.model_copy(update={"signup": Registration.CLOSED})
    host, email = await auth.sign_up(), f"{unique('new')}@example.com"
    token = (await host.invite(email, "member"))["token"]
    async with opened(settings, auth.clock) as closed:
        body = {"token": token, "email": email, "password": PASSWORD}
        problem_of(await closed.post("invites/accept/", body), 403, "signup-closed")
        body_of(await closed.post("token/", {"email": host.email, "password": PASSWORD}), 200)
