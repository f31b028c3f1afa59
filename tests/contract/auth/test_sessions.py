"""Sessions in the store, as their owner sees them."""

from __future__ import annotations

from datetime import timedelta

from segops_auth.domain.values import Place, Session
from segops_auth.ports.store import Store
from tests.contract.auth.rows import LATER, NOW, add_account, unique

HOME = Place(user_agent="Firefox 128 on Linux", address="198.51.100.7")
AWAY = Place(user_agent="Safari 17 on iPhone", address="2001:db8::7")


async def begin(store: Store, user_id: int, place: Place = HOME, token_hash: str | None = None) -> int:
    async with store.write() as unit:
        return await unit.add_refresh_token(user_id, token_hash or unique("refresh"), NOW, LATER, place)


async def sessions_of(store: Store, user_id: int, before: int = 2**62, limit: int = 10, offset: int = 0) -> list[int]:
    async with store.read() as unit:
        return [session.id for session in await unit.sessions(user_id, NOW, before, limit, offset=offset)]


async def test_a_session_shows_when_and_where_it_is_used(store: Store) -> None:
    account = await add_account(store)
    token_hash = unique("refresh")
    session = await begin(store, account.id, HOME, token_hash)
    async with store.read() as unit:
        (begun,) = await unit.sessions(account.id, NOW, 2**62, 10)
    assert begun == Session(id=session, user_id=account.id, created_at=NOW, last_used_at=NOW, place=HOME)
    later = NOW + timedelta(hours=1)
    async with store.write() as unit:
        token = await unit.lock_refresh_token(token_hash)
        assert token is not None
        await unit.use_refresh_token(token, unique("refresh"), later, LATER, AWAY)
        (used,) = await unit.sessions(account.id, NOW, 2**62, 10)
    assert used == Session(id=session, user_id=account.id, created_at=NOW, last_used_at=later, place=AWAY)


async def test_sessions_are_listed_newest_first_in_pages(store: Store) -> None:
    account, other = await add_account(store), await add_account(store)
    first, second, third = [await begin(store, account.id) for _ in range(3)]
    await begin(store, other.id)
    assert await sessions_of(store, account.id) == [third, second, first]
    assert await sessions_of(store, account.id, limit=2) == [third, second]
    assert await sessions_of(store, account.id, before=second) == [first]
    assert await sessions_of(store, account.id, limit=1, offset=1) == [second]
    async with store.read() as unit:
        assert await unit.session_count(account.id, NOW) == 3


async def test_sessions_that_have_ended_or_expired_are_not_listed(store: Store) -> None:
    account = await add_account(store)
    first, second = [await begin(store, account.id) for _ in range(2)]
    async with store.write() as unit:
        await unit.end_refresh_family(first, NOW)
    assert await sessions_of(store, account.id) == [second]
    async with store.read() as unit:
        assert await unit.sessions(account.id, LATER, 2**62, 10) == []
        assert await unit.session_count(account.id, LATER) == 0


async def test_one_session_ends_once_and_for_its_owner_only(store: Store) -> None:
    account, other = await add_account(store), await add_account(store)
    first, second = [await begin(store, account.id) for _ in range(2)]
    async with store.write() as unit:
        assert not await unit.end_session(other.id, first, NOW)
        assert not await unit.end_session(account.id, 2**62, NOW)
        assert await unit.end_session(account.id, first, NOW)
        assert not await unit.end_session(account.id, first, NOW)
    assert await sessions_of(store, account.id) == [second]


async def test_all_sessions_but_one_end(store: Store) -> None:
    account, other = await add_account(store), await add_account(store)
    first, second, third = [await begin(store, account.id) for _ in range(3)]
    foreign = await begin(store, other.id)
    async with store.write() as unit:
        await unit.end_other_sessions(account.id, second, NOW)
    assert await sessions_of(store, account.id) == [second]
    assert await sessions_of(store, other.id) == [foreign]
    async with store.write() as unit:
        await unit.end_other_sessions(account.id, None, NOW)
        alive = [await unit.session_is_alive(account.id, session) for session in (first, second, third)]
    assert alive == [False, False, False]
