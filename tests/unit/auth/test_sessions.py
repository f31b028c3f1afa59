"""Signing in, refresh tokens, and signing out."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from segops_auth.adapters.memory.passwords import MemoryPasswords
from segops_auth.ports.passwords import MAX_WAITING
from segops_auth.service.attempts import Client
from segops_auth.service.sessions import GRACE, REFRESH_LIFETIME, SessionTokens
from segops_common.core.problems import Problem, RateLimited
from segops_common.security.permissions import Role
from tests.unit.auth.harness import ADDRESS, PASSWORD, PER_ADDRESS, PER_EMAIL, MemoryAuth, slug_of

WRONG = "wrong-password"


async def sign_in(
    memory: MemoryAuth, email: str = "ada@example.com", password: str = PASSWORD, address: str | None = None
) -> SessionTokens:
    return await memory.auth.sessions.sign_in(email=email, password=password, client=Client(address=address))


async def refresh(memory: MemoryAuth, tokens: SessionTokens) -> SessionTokens:
    return await memory.auth.sessions.refresh(tokens.refresh_token)


async def test_the_right_password_begins_a_session(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    tokens = await sign_in(memory)
    assert memory.tokens.verify(tokens.access_token).user_id == ada.id
    assert tokens.refresh_token != ada.tokens.refresh_token
    await refresh(memory, tokens)


async def test_a_wrong_password_and_an_unknown_email_get_the_same_refusal(memory: MemoryAuth) -> None:
    await memory.sign_up()
    refusals = set()
    for email, password in (("ada@example.com", WRONG), ("unknown@example.com", PASSWORD)):
        with pytest.raises(Problem) as refusal:
            await sign_in(memory, email, password)
        refusals.add((refusal.value.slug, refusal.value.detail))
    assert len(refusals) == 1
    assert refusals.pop()[0] == "invalid-credentials"


@pytest.mark.parametrize("password", ["", "x" * 129, "x" * 1_000_000, "correct-\ud800-horse"])
async def test_what_cannot_be_a_password_is_a_wrong_one(memory: MemoryAuth, password: str) -> None:
    await memory.sign_up()
    assert await slug_of(sign_in(memory, password=password)) == "invalid-credentials"


async def test_a_password_may_be_typed_with_combining_characters(memory: MemoryAuth) -> None:
    await memory.auth.accounts.sign_up(
        email="ada@example.com", password="caf\u00e9-caf\u00e9", tenant_slug="ada", tenant_name="Ada", client=Client()
    )
    await sign_in(memory, password="cafe\u0301-cafe\u0301")


async def test_an_outdated_hash_is_replaced_at_the_next_sign_in(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    old = await MemoryPasswords(version=0).hash(PASSWORD)
    async with memory.store.write() as unit:
        assert await unit.replace_password(ada.account, old)
    await sign_in(memory)
    async with memory.store.read() as unit:
        account = await unit.account(ada.id)
    assert account is not None
    assert account == replace(ada.account, password_hash=account.password_hash)
    assert not memory.passwords.is_outdated(account.password_hash)
    await sign_in(memory)


async def test_wrong_passwords_are_limited_per_email(memory: MemoryAuth) -> None:
    await memory.sign_up()
    await memory.sign_up("bob")
    assert [await slug_of(sign_in(memory, password=WRONG)) for _ in range(PER_EMAIL)] == [
        "invalid-credentials"
    ] * PER_EMAIL
    with pytest.raises(RateLimited) as refusal:
        await sign_in(memory)
    assert refusal.value.headers["Retry-After"] == str(900 // PER_EMAIL)
    await sign_in(memory, "bob@example.com")
    memory.clock.advance(900 / PER_EMAIL)
    await sign_in(memory)


async def test_an_unknown_email_is_limited_like_a_known_one(memory: MemoryAuth) -> None:
    slugs = [await slug_of(sign_in(memory, "unknown@example.com", WRONG)) for _ in range(PER_EMAIL + 1)]
    assert slugs == ["invalid-credentials"] * PER_EMAIL + ["rate-limited"]


async def test_wrong_passwords_are_limited_per_address_over_all_accounts(memory: MemoryAuth) -> None:
    slugs = [
        await slug_of(sign_in(memory, f"user{number}@example.com", WRONG, ADDRESS)) for number in range(PER_ADDRESS + 1)
    ]
    assert slugs == ["invalid-credentials"] * PER_ADDRESS + ["rate-limited"]
    assert await slug_of(sign_in(memory, "user@example.com", WRONG, "198.51.100.8")) == "invalid-credentials"


async def test_right_passwords_do_not_count(memory: MemoryAuth) -> None:
    await memory.sign_up()
    for _ in range(PER_ADDRESS * 3):
        await sign_in(memory, address=ADDRESS)


async def test_concurrent_guesses_do_not_exceed_the_limit(memory: MemoryAuth) -> None:
    await memory.sign_up()
    slugs = await asyncio.gather(*(slug_of(sign_in(memory, password=WRONG)) for _ in range(PER_EMAIL * 3)))
    assert sorted(slugs) == ["invalid-credentials"] * PER_EMAIL + ["rate-limited"] * PER_EMAIL * 2


async def test_one_address_cannot_fill_the_queue_of_passwords_to_check(memory: MemoryAuth) -> None:
    guesses = (sign_in(memory, f"user{number}@example.com", WRONG, ADDRESS) for number in range(PER_ADDRESS * 3))
    slugs = await asyncio.gather(*(slug_of(guess) for guess in guesses))
    assert sorted(slugs) == ["invalid-credentials"] * PER_ADDRESS + ["rate-limited"] * PER_ADDRESS * 2
    assert PER_ADDRESS < MAX_WAITING


async def test_each_refresh_gives_other_tokens(memory: MemoryAuth) -> None:
    tokens = (await memory.sign_up()).tokens
    used = {tokens.refresh_token}
    for _ in range(5):
        tokens = await refresh(memory, tokens)
        assert tokens.refresh_token not in used
        used.add(tokens.refresh_token)


async def test_within_the_grace_period_a_used_token_gives_the_same_successor(memory: MemoryAuth) -> None:
    tokens = (await memory.sign_up()).tokens
    first = await refresh(memory, tokens)
    memory.clock.advance(GRACE.total_seconds())
    again = await refresh(memory, tokens)
    assert again.refresh_token == first.refresh_token
    assert again.access_token != first.access_token


async def test_concurrent_refreshes_give_the_same_successor(memory: MemoryAuth) -> None:
    tokens = (await memory.sign_up()).tokens
    successors = await asyncio.gather(*(refresh(memory, tokens) for _ in range(5)))
    assert len({successor.refresh_token for successor in successors}) == 1


async def test_a_reuse_after_the_grace_period_ends_the_session_and_no_other(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    elsewhere = await sign_in(memory)
    newest = await refresh(memory, ada.tokens)
    memory.clock.advance(GRACE.total_seconds() + 1)
    assert await slug_of(refresh(memory, ada.tokens)) == "token-reuse-detected"
    for tokens in (newest, ada.tokens):
        assert await slug_of(refresh(memory, tokens)) == "invalid-refresh-token"
    await refresh(memory, elsewhere)


async def test_a_reuse_is_recorded_in_every_tenant(memory: MemoryAuth) -> None:
    ada, bob = await memory.sign_up(), await memory.sign_up("bob")
    _, token = await memory.auth.invites.create(bob.tenant.id, bob.id, email=ada.email, role=Role.VIEWER)
    await memory.auth.invites.accept(token=token, email=ada.email, password=PASSWORD, client=Client())
    await refresh(memory, ada.tokens)
    memory.clock.advance(GRACE.total_seconds() + 1)
    await slug_of(refresh(memory, ada.tokens))
    for tenant in (ada.tenant, bob.tenant):
        entry = (await memory.audit_log(tenant))[-1]
        assert (entry.action, entry.actor_id, entry.target) == ("refresh_token.reused", None, f"user:{ada.id}")


@pytest.mark.parametrize("token", ["", "x", "x" * 43, "\u2603"])
async def test_an_unknown_token_is_refused(memory: MemoryAuth, token: str) -> None:
    assert await slug_of(memory.auth.sessions.refresh(token)) == "invalid-refresh-token"


async def test_a_refresh_token_expires(memory: MemoryAuth) -> None:
    tokens = (await memory.sign_up()).tokens
    lifetime_s = REFRESH_LIFETIME.total_seconds()
    memory.clock.advance(lifetime_s - 1)
    successor = await refresh(memory, tokens)
    memory.clock.advance(1)
    assert await slug_of(refresh(memory, tokens)) == "invalid-refresh-token"
    memory.clock.advance(lifetime_s - 2)
    await refresh(memory, successor)


async def test_signing_out_ends_the_session_with_any_of_its_tokens(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    newest = await refresh(memory, ada.tokens)
    for _ in range(2):
        await memory.auth.sessions.end(ada.tokens.refresh_token)
    assert await slug_of(refresh(memory, newest)) == "invalid-refresh-token"
    await sign_in(memory)


async def test_signing_out_with_an_unknown_token_has_no_effect(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    await memory.auth.sessions.end("x" * 43)
    await refresh(memory, ada.tokens)


async def test_expired_tokens_are_deleted_and_valid_ones_are_not(memory: MemoryAuth) -> None:
    ada, bob = await memory.sign_up(), await memory.sign_up("bob")
    memory.clock.advance(REFRESH_LIFETIME.total_seconds() - 1)
    newest = await refresh(memory, bob.tokens)
    memory.clock.advance(1)
    await memory.auth.sessions.delete_expired()
    async with memory.store.write() as unit:
        hashes = [memory.secrets.hash(tokens.refresh_token) for tokens in (ada.tokens, bob.tokens, newest)]
        stored = [await unit.lock_refresh_token(token_hash) is not None for token_hash in hashes]
    assert stored == [False, False, True]


async def test_more_expired_tokens_than_one_portion_are_all_deleted(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    now = memory.clock.now()
    async with memory.store.write() as unit:
        for number in range(2_500):
            await unit.add_refresh_token(ada.id, f"hash-{number}", now, now)
    await memory.auth.sessions.delete_expired()
    async with memory.store.write() as unit:
        assert await unit.delete_expired_refresh_tokens(now, 10) == 0
    await refresh(memory, ada.tokens)


async def is_signed_in(memory: MemoryAuth, tokens: SessionTokens) -> bool:
    access = memory.tokens.verify(tokens.access_token)
    return await memory.auth.accounts.joined_tenants(access.user_id, access.session_id) is not None


@pytest.mark.parametrize("way", ["sign out", "sign out everywhere", "new password", "stolen refresh token"])
async def test_access_tokens_end_with_their_session(memory: MemoryAuth, way: str) -> None:
    ada, grace = await memory.sign_up(), await memory.sign_up("grace")
    other = await sign_in(memory)
    assert await is_signed_in(memory, ada.tokens)
    memory.cache_invalidation.messages.clear()
    if way == "sign out":
        await memory.auth.sessions.end(ada.tokens.refresh_token)
    elif way == "sign out everywhere":
        await memory.auth.sessions.end_all(ada.id)
    elif way == "new password":
        new = await memory.auth.accounts.change_password(ada.id, current=PASSWORD, new="a-staple-is-better")
        assert await is_signed_in(memory, new)
    else:
        await refresh(memory, ada.tokens)
        memory.clock.advance(11)
        assert await slug_of(refresh(memory, ada.tokens)) == "token-reuse-detected"
    assert not await is_signed_in(memory, ada.tokens)
    assert await is_signed_in(memory, other) is (way in ("sign out", "stolen refresh token"))
    assert await is_signed_in(memory, grace.tokens)
    assert memory.cache_invalidation.messages == [f"user:{ada.id}"]


async def test_a_refresh_stays_in_the_session(memory: MemoryAuth) -> None:
    first = (await memory.sign_up()).tokens
    second = await refresh(memory, first)
    sessions = {memory.tokens.verify(tokens.access_token).session_id for tokens in (first, second)}
    assert len(sessions) == 1


async def test_signing_out_everywhere_is_recorded(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    await memory.auth.sessions.end_all(ada.id)
    entry = (await memory.audit_log(ada.tenant))[-1]
    assert (entry.action, entry.actor_id, entry.target) == ("account.sessions_ended", ada.id, f"user:{ada.id}")
