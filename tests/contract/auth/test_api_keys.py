"""API keys in the store."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from segops_auth.domain.values import ApiKey, KeySecret
from segops_auth.ports.store import Store
from segops_common.security.permissions import KeyKind, Scope
from tests.contract.auth.rows import LATER, NOW, Owner, add_owner, new_key, unique

SOON = NOW + timedelta(hours=1)


async def add_key(store: Store, owner: Owner, key_hash: str | None = None) -> ApiKey:
    async with store.write() as unit:
        return await unit.add_api_key(owner.tenant.id, new_key(owner, key_hash))


async def test_a_key_is_returned_as_it_was_added(store: Store) -> None:
    owner = await add_owner(store)
    key = await add_key(store, owner)
    assert key == ApiKey(
        id=key.id,
        tenant_id=owner.tenant.id,
        name="web server",
        kind=KeyKind.PUBLISHABLE,
        is_test=False,
        scopes=frozenset({Scope.EVENTS_WRITE, Scope.MEMBERSHIP_READ}),
        allowed_origins=("https://b.example.com", "https://a.example.com"),
        last_four="abcd",
        created_by=owner.account.id,
        created_at=NOW,
        last_used_at=None,
        previous_secret_until=None,
        signed_user_ids_since=None,
    )
    async with store.read() as unit:
        assert await unit.api_key(owner.tenant.id, key.id) == key
        assert await unit.api_key_tenant(key.id) == owner.tenant.id


async def test_a_key_of_another_tenant_is_none(store: Store) -> None:
    owner, other = await add_owner(store), await add_owner(store)
    key = await add_key(store, owner)
    async with store.write() as unit:
        assert await unit.api_key(other.tenant.id, key.id) is None
        assert await unit.set_api_key_origins(other.tenant.id, key.id, []) is None
        assert await unit.set_signed_user_ids(other.tenant.id, key.id, NOW) is None
        assert await unit.api_key_hash(other.tenant.id, key.id) is None
        assert await unit.rotate_api_key(other.tenant.id, key.id, unique("hash"), "wxyz", LATER) is None
        assert await unit.revoke_api_key(other.tenant.id, key.id, NOW) is None
    async with store.read() as unit:
        assert await unit.api_key(owner.tenant.id, key.id) == key


async def test_an_unknown_key_is_none(store: Store) -> None:
    owner = await add_owner(store)
    async with store.write() as unit:
        assert await unit.api_key(owner.tenant.id, 2**62) is None
        assert await unit.api_key_tenant(2**62) is None
        assert await unit.api_key_by_hash(unique("hash"), NOW) is None
        assert await unit.rotate_api_key(owner.tenant.id, 2**62, unique("hash"), "wxyz", LATER) is None


async def test_keys_come_in_pages_by_ascending_id(store: Store) -> None:
    owner, other = await add_owner(store), await add_owner(store)
    keys = [await add_key(store, owner) for _ in range(3)]
    await add_key(store, other)
    async with store.read() as unit:
        assert await unit.api_keys(owner.tenant.id, 0, 2) == keys[:2]
        assert await unit.api_keys(owner.tenant.id, keys[1].id, 2) == keys[2:]
        assert await unit.api_keys(owner.tenant.id, keys[2].id, 2) == []
        assert await unit.api_keys(owner.tenant.id, 0, 2, offset=2) == keys[2:]
        assert await unit.api_keys(owner.tenant.id, keys[0].id, 1, offset=1) == keys[2:]
        assert await unit.api_key_count(owner.tenant.id) == 3


async def test_a_revoked_key_is_never_returned(store: Store) -> None:
    owner = await add_owner(store)
    first, second = unique("hash"), unique("hash")
    key = await add_key(store, owner, first)
    async with store.write() as unit:
        await unit.rotate_api_key(owner.tenant.id, key.id, second, "wxyz", LATER)
        assert await unit.revoke_api_key(owner.tenant.id, key.id, NOW) is not None
    async with store.write() as unit:
        assert await unit.api_key(owner.tenant.id, key.id) is None
        assert await unit.api_key_tenant(key.id) is None
        assert await unit.api_keys(owner.tenant.id, 0, 10) == []
        assert await unit.api_key_count(owner.tenant.id) == 0
        assert [await unit.api_key_by_hash(key_hash, NOW) for key_hash in (first, second)] == [None, None]
        assert await unit.revoke_api_key(owner.tenant.id, key.id, NOW) is None
        assert await unit.set_api_key_origins(owner.tenant.id, key.id, []) is None
        assert await unit.set_signed_user_ids(owner.tenant.id, key.id, NOW) is None
        assert await unit.api_key_hash(owner.tenant.id, key.id) is None
        assert await unit.rotate_api_key(owner.tenant.id, key.id, unique("hash"), "wxyz", LATER) is None


async def test_the_owner_of_a_hash_is_known_after_the_key_has_ended(store: Store) -> None:
    owner = await add_owner(store)
    first, second = unique("hash"), unique("hash")
    key = await add_key(store, owner, first)
    async with store.write() as unit:
        await unit.rotate_api_key(owner.tenant.id, key.id, second, "wxyz", SOON)
        await unit.revoke_api_key(owner.tenant.id, key.id, NOW)
    async with store.read() as unit:
        owners = [await unit.api_key_owner(key_hash) for key_hash in (first, second, unique("hash"))]
    assert owners == [(owner.tenant.id, key.id), (owner.tenant.id, key.id), None]


async def test_after_a_rotation_both_secrets_work_until_the_overlap_ends(store: Store) -> None:
    owner = await add_owner(store)
    first, second = unique("hash"), unique("hash")
    key = await add_key(store, owner, first)
    async with store.write() as unit:
        rotated = await unit.rotate_api_key(owner.tenant.id, key.id, second, "wxyz", SOON)
    assert rotated == replace(key, last_four="wxyz", previous_secret_until=SOON)
    async with store.read() as unit:
        previous = await unit.api_key_by_hash(first, SOON - timedelta(microseconds=1))
        assert previous == KeySecret(key=rotated, works_until=SOON, hashes=(second, first))
        assert await unit.api_key_by_hash(second, NOW) == KeySecret(
            key=rotated, works_until=None, hashes=(second, first)
        )
        assert await unit.api_key_by_hash(first, SOON) is None
        assert await unit.api_key_by_hash(second, SOON) == KeySecret(key=rotated, works_until=None, hashes=(second,))
        assert await unit.api_key_hash(owner.tenant.id, key.id) == second


async def test_a_second_rotation_ends_the_first_secret(store: Store) -> None:
    owner = await add_owner(store)
    first, second, third = unique("hash"), unique("hash"), unique("hash")
    key = await add_key(store, owner, first)
    async with store.write() as unit:
        await unit.rotate_api_key(owner.tenant.id, key.id, second, "wxyz", LATER)
        await unit.rotate_api_key(owner.tenant.id, key.id, third, "1234", LATER)
    async with store.read() as unit:
        active = [await unit.api_key_by_hash(key_hash, NOW) is not None for key_hash in (first, second, third)]
    assert active == [False, True, True]


async def test_origins_are_replaced_in_their_order(store: Store) -> None:
    owner = await add_owner(store)
    key = await add_key(store, owner)
    origins = ("https://z.example.com", "https://y.example.com")
    async with store.write() as unit:
        assert await unit.set_api_key_origins(owner.tenant.id, key.id, origins) == replace(key, allowed_origins=origins)
        assert await unit.set_api_key_origins(owner.tenant.id, key.id, []) == replace(key, allowed_origins=())


async def test_a_key_requires_signed_user_ids_from_one_time_on(store: Store) -> None:
    owner = await add_owner(store)
    key = await add_key(store, owner)
    async with store.write() as unit:
        signed = await unit.set_signed_user_ids(owner.tenant.id, key.id, SOON)
        assert signed == replace(key, signed_user_ids_since=SOON)
    async with store.write() as unit:
        assert await unit.api_key(owner.tenant.id, key.id) == signed
        assert await unit.set_signed_user_ids(owner.tenant.id, key.id, None) == key


async def test_the_latest_use_of_each_key_is_kept(store: Store) -> None:
    owner = await add_owner(store)
    keys = [await add_key(store, owner) for _ in range(3)]
    for used_at in ({keys[0].id: SOON, keys[1].id: NOW}, {keys[0].id: NOW, keys[1].id: SOON, 2**62: NOW}):
        async with store.write() as unit:
            await unit.record_api_key_use(used_at)
    async with store.read() as unit:
        stored = await unit.api_keys(owner.tenant.id, 0, 10)
    assert [key.last_used_at for key in stored] == [SOON, SOON, None]
