"""Accounts in the store."""

from __future__ import annotations

import pytest

from segops_auth.ports.accounts import EmailTaken
from segops_auth.ports.store import Store
from tests.contract.auth.rows import NOW, add_account, unique


async def test_an_account_is_returned_by_id_and_by_email(store: Store) -> None:
    email = f"{unique('ada')}@example.com"
    async with store.write() as unit:
        account = await unit.add_account(email, "hash", NOW)
    assert (account.email, account.password_hash, account.created_at) == (email, "hash", NOW)
    async with store.read() as unit:
        assert await unit.account(account.id) == account
        assert await unit.account_by_email(email) == account


async def test_an_unknown_account_is_none(store: Store) -> None:
    async with store.read() as unit:
        assert await unit.account(2**62) is None
        assert await unit.account_by_email(f"{unique('unknown')}@example.com") is None


async def test_an_email_belongs_to_one_account(store: Store) -> None:
    account = await add_account(store)
    with pytest.raises(EmailTaken):
        async with store.write() as unit:
            await unit.add_account(account.email, "other", NOW)
    async with store.read() as unit:
        assert await unit.account_by_email(account.email) == account


async def test_emails_are_compared_exactly(store: Store) -> None:
    account = await add_account(store)
    async with store.write() as unit:
        upper = await unit.add_account(account.email.upper(), "hash", NOW)
    assert upper.id != account.id


async def test_ids_ascend_and_are_not_used_again_after_a_rollback(store: Store) -> None:
    first = await add_account(store)
    with pytest.raises(EmailTaken):
        async with store.write() as unit:
            await unit.add_account(first.email, "hash", NOW)
    second = await add_account(store)
    assert second.id > first.id + 1


async def test_a_password_is_replaced(store: Store) -> None:
    account = await add_account(store)
    async with store.write() as unit:
        assert await unit.replace_password(account, "new")
    async with store.read() as unit:
        stored = await unit.account(account.id)
    assert stored is not None
    assert (stored.password_hash, stored.email) == ("new", account.email)


async def test_a_password_that_was_changed_in_between_is_not_replaced(store: Store) -> None:
    account = await add_account(store)
    async with store.write() as unit:
        assert await unit.replace_password(account, "new")
        assert not await unit.replace_password(account, "newer")
    async with store.read() as unit:
        stored = await unit.account(account.id)
    assert stored is not None
    assert stored.password_hash == "new"
