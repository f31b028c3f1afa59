"""Signing keys in the store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from segops_auth.domain.signing_keys import SigningKey
from segops_auth.ports.store import Store
from tests.contract.auth.rows import LATER, NOW, unique


@pytest.fixture(autouse=True)
async def without_traces(store: Store) -> AsyncIterator[None]:
    """Remove the keys of this file afterwards: an API that shares the database could not open them."""
    yield
    async with store.write() as unit:
        own = [key.kid for key in await unit.signing_keys() if key.kid.startswith("kid-")]
        await unit.retire_signing_keys(own, NOW)
        await unit.remove_signing_keys(NOW)


def new_key(active_at_s: int) -> SigningKey:
    active_at = NOW + timedelta(seconds=active_at_s)
    return SigningKey(kid=unique("kid"), sealed=b"\0sealed", created_at=NOW, active_at=active_at, retires_at=None)


async def stored(store: Store, *own: SigningKey) -> list[SigningKey]:
    kids = {key.kid for key in own}
    async with store.read() as unit:
        return [key for key in await unit.signing_keys() if key.kid in kids]


async def test_keys_are_stored_in_the_order_in_which_they_sign(store: Store) -> None:
    second, first = new_key(10), new_key(5)
    async with store.write() as unit:
        await unit.lock_signing_keys()
        for key in (second, first):
            await unit.add_signing_key(key)
    assert await stored(store, first, second) == [first, second]


async def test_a_retired_key_is_removed_at_its_time_and_stays_known(store: Store) -> None:
    first, second = new_key(0), new_key(1)
    async with store.write() as unit:
        for key in (first, second):
            await unit.add_signing_key(key)
        await unit.retire_signing_keys([first.kid], LATER)
        await unit.remove_signing_keys(LATER - timedelta(microseconds=1))
    assert [key.retires_at for key in await stored(store, first, second)] == [LATER, None]
    async with store.write() as unit:
        await unit.remove_signing_keys(LATER)
    assert await stored(store, first, second) == [second]
    async with store.read() as unit:
        kids = (first.kid, second.kid, unique("kid"))
        assert [await unit.signing_key_existed(kid) for kid in kids] == [True, True, False]
