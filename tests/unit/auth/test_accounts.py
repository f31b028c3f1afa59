"""Signing up, the caller's own account, and changing the password."""

from __future__ import annotations

import asyncio

import pytest

from segops_auth.domain.values import JoinedTenant
from segops_auth.service.accounts import NewAccount
from segops_auth.service.attempts import Client
from segops_common.core.problems import Problem, ValidationFailed
from segops_common.security.permissions import Role
from tests.unit.auth.harness import ADDRESS, NEW_PASSWORD, PASSWORD, PER_ADDRESS, PER_EMAIL, MemoryAuth, slug_of


async def sign_up(
    memory: MemoryAuth,
    email: str = "ada@example.com",
    *,
    password: str = PASSWORD,
    slug: str = "acme",
    address: str | None = None,
) -> NewAccount:
    return await memory.auth.accounts.sign_up(
        email=email, password=password, tenant_slug=slug, tenant_name="Acme", client=Client(address=address)
    )


async def test_signing_up_makes_an_owner_who_is_signed_in(memory: MemoryAuth) -> None:
    made = await sign_up(memory)
    assert (made.account.email, made.tenant.slug, made.tenant.name) == ("ada@example.com", "acme", "Acme")
    assert not made.tenant.is_test
    assert made.tokens.expires_in_s == 900
    assert memory.tokens.verify(made.tokens.access_token).user_id == made.account.id
    account, tenants = await memory.auth.accounts.describe(made.account.id)
    assert account == made.account
    assert tenants == [JoinedTenant(tenant=made.tenant, role=Role.OWNER)]
    (entry,) = await memory.audit_log(made.tenant)
    assert (entry.action, entry.actor_id, entry.target) == (
        "tenant.created",
        made.account.id,
        f"tenant:{made.tenant.id}",
    )
    assert entry.details == {"slug": "acme", "is_test": "false"}


async def test_only_a_hash_of_the_password_is_stored(memory: MemoryAuth) -> None:
    made = await sign_up(memory)
    assert PASSWORD not in made.account.password_hash
    assert await memory.passwords.verify(made.account.password_hash, PASSWORD)


async def test_a_taken_email_is_refused_and_nothing_is_stored(memory: MemoryAuth) -> None:
    made = await sign_up(memory)
    assert await slug_of(sign_up(memory, slug="other")) == "email-taken"
    other = await sign_up(memory, "grace@example.com", slug="other")
    assert other.tenant.id > made.tenant.id


async def test_a_taken_slug_is_refused_and_no_account_is_stored(memory: MemoryAuth) -> None:
    await sign_up(memory)
    assert await slug_of(sign_up(memory, "grace@example.com")) == "slug-taken"
    async with memory.store.read() as unit:
        assert await unit.account_by_email("grace@example.com") is None


async def test_of_concurrent_sign_ups_with_one_email_one_succeeds(memory: MemoryAuth) -> None:
    calls = (sign_up(memory, slug=f"acme-{number}") for number in range(5))
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    slugs = [outcome.slug for outcome in outcomes if isinstance(outcome, Problem)]
    assert slugs == ["email-taken"] * 4


@pytest.mark.parametrize("password", ["short7!", "password1", "ada@example.com", "x" * 129, "correct-\ud800-horse"])
async def test_a_weak_password_is_refused(memory: MemoryAuth, password: str) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        await sign_up(memory, password=password)
    (fault,) = refusal.value.errors
    assert (fault.path, fault.code) == ("password", "weak-password")
    assert password not in fault.detail


async def test_sign_ups_are_limited_per_address(memory: MemoryAuth) -> None:
    for number in range(PER_ADDRESS):
        await sign_up(memory, f"user{number}@example.com", slug=f"acme-{number}", address=ADDRESS)
    late = {"slug": "late"}
    assert await slug_of(sign_up(memory, "late@example.com", address=ADDRESS, **late)) == "rate-limited"
    await sign_up(memory, "late@example.com", address="198.51.100.8", **late)
    memory.clock.advance(60 / PER_ADDRESS)
    await sign_up(memory, "later@example.com", address=ADDRESS, slug="later")


async def test_sign_ups_without_an_address_are_not_limited(memory: MemoryAuth) -> None:
    for number in range(PER_ADDRESS * 2):
        await sign_up(memory, f"user{number}@example.com", slug=f"acme-{number}")


async def test_while_the_store_is_down_signing_up_is_refused(memory: MemoryAuth) -> None:
    memory.store.reachable = False
    assert await slug_of(sign_up(memory)) == "upstream-unavailable"


async def test_the_account_of_an_unknown_user_is_refused(memory: MemoryAuth) -> None:
    assert await slug_of(memory.auth.accounts.describe(7)) == "invalid-token"
    assert await memory.auth.accounts.joined_tenants(7, None) is None


async def test_a_user_without_tenants_has_an_empty_list(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    grace = await memory.join(ada, Role.MEMBER)
    await memory.auth.tenants.remove_member(ada.tenant.id, grace.id, grace.id)
    assert await memory.auth.accounts.joined_tenants(grace.id, None) == []


async def test_a_new_password_ends_every_session_and_begins_one(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    elsewhere = await memory.auth.sessions.sign_in(email=ada.email, password=PASSWORD, client=Client())
    tokens = await memory.auth.accounts.change_password(ada.id, current=PASSWORD, new=NEW_PASSWORD)
    for ended in (ada.tokens, elsewhere):
        assert await slug_of(memory.auth.sessions.refresh(ended.refresh_token)) == "invalid-refresh-token"
    await memory.auth.sessions.refresh(tokens.refresh_token)
    wrong = memory.auth.sessions.sign_in(email=ada.email, password=PASSWORD, client=Client())
    assert await slug_of(wrong) == "invalid-credentials"
    await memory.auth.sessions.sign_in(email=ada.email, password=NEW_PASSWORD, client=Client())


async def test_a_new_password_is_recorded_in_every_tenant(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    second = await memory.auth.tenants.create(ada.id, slug="second", name="Second", is_test=False)
    await memory.auth.accounts.change_password(ada.id, current=PASSWORD, new=NEW_PASSWORD)
    for tenant in (ada.tenant, second):
        entry = (await memory.audit_log(tenant))[-1]
        assert (entry.action, entry.actor_id, entry.target) == ("account.password_changed", ada.id, f"user:{ada.id}")


async def test_without_the_current_password_nothing_changes(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    change = memory.auth.accounts.change_password(ada.id, current="wrong-password", new=NEW_PASSWORD)
    with pytest.raises(ValidationFailed) as refused:
        await change
    assert [(fault.path, fault.code) for fault in refused.value.errors] == [("password", "wrong-password")]
    await memory.auth.sessions.refresh(ada.tokens.refresh_token)
    assert await memory.actions(ada.tenant) == ["tenant.created"]


async def test_guesses_of_the_current_password_are_limited(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    guesses = [
        await slug_of(memory.auth.accounts.change_password(ada.id, current="wrong-password", new=NEW_PASSWORD))
        for _ in range(PER_EMAIL + 1)
    ]
    assert guesses == ["validation-failed"] * PER_EMAIL + ["rate-limited"]


@pytest.mark.parametrize("weak", ["short7!", "password1", "ada@example.com", "x" * 129])
async def test_a_weak_new_password_is_refused(memory: MemoryAuth, weak: str) -> None:
    ada = await memory.sign_up()
    with pytest.raises(ValidationFailed) as refusal:
        await memory.auth.accounts.change_password(ada.id, current=PASSWORD, new=weak)
    assert refusal.value.errors[0].path == "new_password"
    await memory.auth.sessions.sign_in(email=ada.email, password=PASSWORD, client=Client())


async def test_of_concurrent_changes_of_a_password_one_succeeds(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    passwords = [f"{NEW_PASSWORD}-{number}" for number in range(3)]
    outcomes = await asyncio.gather(
        *(memory.auth.accounts.change_password(ada.id, current=PASSWORD, new=password) for password in passwords),
        return_exceptions=True,
    )
    slugs = [outcome.slug if isinstance(outcome, Problem) else "changed" for outcome in outcomes]
    assert sorted(slugs) == ["changed", "password-changed", "password-changed"]
    winner = passwords[slugs.index("changed")]
    await memory.auth.sessions.sign_in(email=ada.email, password=winner, client=Client())


async def test_a_user_who_is_gone_changes_no_password(memory: MemoryAuth) -> None:
    change = memory.auth.accounts.change_password(7, current=PASSWORD, new=NEW_PASSWORD)
    assert await slug_of(change) == "invalid-token"
