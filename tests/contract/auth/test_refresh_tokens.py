"""Refresh tokens in the store."""

from __future__ import annotations

from datetime import timedelta

from segops_auth.domain.values import RefreshToken
from segops_auth.ports.store import Store
from tests.contract.auth.rows import LATER, NOW, add_account, unique

PAST = NOW - timedelta(days=10_000)


async def begin(store: Store, user_id: int) -> str:
    """Store the first token of a family; return its hash."""
    token_hash = unique("refresh")
    async with store.write() as unit:
        await unit.add_refresh_token(user_id, token_hash, NOW, LATER)
    return token_hash


async def token_of(store: Store, token_hash: str) -> RefreshToken:
    async with store.write() as unit:
        token = await unit.lock_refresh_token(token_hash)
    assert token is not None
    return token


async def test_a_token_is_returned_by_its_hash(store: Store) -> None:
    account = await add_account(store)
    token = await token_of(store, await begin(store, account.id))
    assert (token.user_id, token.expires_at, token.used_at, token.family_is_alive) == (account.id, LATER, None, True)
    async with store.write() as unit:
        assert await unit.lock_refresh_token(unique("refresh")) is None


async def test_a_used_token_has_a_successor_in_its_family(store: Store) -> None:
    account = await add_account(store)
    first_hash, second_hash = await begin(store, account.id), unique("refresh")
    first = await token_of(store, first_hash)
    async with store.write() as unit:
        await unit.use_refresh_token(first, second_hash, NOW, LATER + timedelta(days=1))
    first, second = await token_of(store, first_hash), await token_of(store, second_hash)
    assert (first.used_at, second.used_at) == (NOW, None)
    assert (second.family_id, second.user_id) == (first.family_id, account.id)
    assert second.expires_at == LATER + timedelta(days=1)
    assert second.id > first.id


async def test_the_end_of_a_family_ends_all_its_tokens_and_no_other(store: Store) -> None:
    account = await add_account(store)
    first_hash, second_hash, other_hash = (
        await begin(store, account.id),
        unique("refresh"),
        await begin(store, account.id),
    )
    first = await token_of(store, first_hash)
    async with store.write() as unit:
        await unit.use_refresh_token(first, second_hash, NOW, LATER)
        await unit.end_refresh_family(first.family_id, NOW)
        await unit.end_refresh_family(first.family_id, LATER)
    tokens = [await token_of(store, token_hash) for token_hash in (first_hash, second_hash, other_hash)]
    assert [token.family_is_alive for token in tokens] == [False, False, True]


async def test_all_families_of_one_user_end(store: Store) -> None:
    account, other = await add_account(store), await add_account(store)
    hashes = [await begin(store, account.id), await begin(store, account.id), await begin(store, other.id)]
    async with store.write() as unit:
        await unit.end_all_refresh_families(account.id, NOW)
    tokens = [await token_of(store, token_hash) for token_hash in hashes]
    assert [token.family_is_alive for token in tokens] == [False, False, True]


async def test_expired_tokens_are_deleted_in_portions(store: Store) -> None:
    account = await add_account(store)
    hashes = [unique("refresh") for _ in range(3)]
    async with store.write() as unit:
        for token_hash in hashes:
            await unit.add_refresh_token(account.id, token_hash, PAST, PAST + timedelta(days=1))
        await unit.add_refresh_token(account.id, unique("refresh"), PAST, PAST + timedelta(days=3))
    # So far in the past that no other test's tokens have expired.
    now = PAST + timedelta(days=1)
    deleted = []
    for _ in range(3):
        async with store.write() as unit:
            deleted.append(await unit.delete_expired_refresh_tokens(now, 2))
    assert deleted == [2, 1, 0]
    async with store.write() as unit:
        assert [await unit.lock_refresh_token(token_hash) for token_hash in hashes] == [None] * 3
        assert await unit.delete_expired_refresh_tokens(PAST + timedelta(days=3), 10) == 1


async def test_a_family_with_a_valid_token_outlives_its_expired_ones(store: Store) -> None:
    account = await add_account(store)
    first_hash, second_hash = unique("refresh"), unique("refresh")
    async with store.write() as unit:
        await unit.add_refresh_token(account.id, first_hash, PAST, PAST + timedelta(days=1))
    first = await token_of(store, first_hash)
    async with store.write() as unit:
        await unit.use_refresh_token(first, second_hash, PAST, LATER)
        assert await unit.delete_expired_refresh_tokens(PAST + timedelta(days=1), 10) == 1
    assert (await token_of(store, second_hash)).family_is_alive


async def test_a_session_is_alive_until_it_ends(store: Store) -> None:
    account, other = await add_account(store), await add_account(store)
    async with store.write() as unit:
        first, second, third = [
            await unit.add_refresh_token(account.id, unique("refresh"), NOW, LATER) for _ in range(3)
        ]
    async with store.read() as unit:
        assert [await unit.session_is_alive(account.id, session) for session in (first, second, third)] == [True] * 3
        assert not await unit.session_is_alive(other.id, first)
        assert not await unit.session_is_alive(account.id, 2**62)
    async with store.write() as unit:
        await unit.end_refresh_family(second, NOW)
        alive = [await unit.session_is_alive(account.id, session) for session in (first, second, third)]
        assert alive == [True, False, True]
        await unit.end_all_refresh_families(account.id, NOW)
        assert not await unit.session_is_alive(account.id, third)
