"""Audit logs in the store."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone

from segops_auth.domain.audit_log import FIRST_PREVIOUS_HASH, Action, AuditEvent, AuditFilter, ChainHead, chain
from segops_auth.domain.values import AuditEntry
from segops_auth.ports.store import Store
from tests.contract.auth.rows import EVENT, add_owner

LARGEST = 2**63 - 1


async def record(store: Store, tenant_id: int, *events: AuditEvent) -> None:
    """Append each event in a transaction of its own."""
    for event in events:
        async with store.write() as unit:
            await unit.lock_tenant(tenant_id)
            await unit.record(tenant_id, event)


async def whole_log(store: Store, tenant_id: int) -> list[AuditEntry]:
    async with store.read() as unit:
        return list(await unit.audit_log(tenant_id, LARGEST, 100))


async def test_entries_form_a_chain_from_number_one(store: Store) -> None:
    owner = await add_owner(store)
    events = [replace(EVENT, target=f"api_key:{number}") for number in range(3)]
    await record(store, owner.tenant.id, *events)
    head = ChainHead(number=0, hash=FIRST_PREVIOUS_HASH)
    expected = []
    for event in events:
        entry = chain(owner.tenant.id, head, event)
        head = ChainHead(number=entry.number, hash=entry.hash)
        expected.append(entry)
    assert await whole_log(store, owner.tenant.id) == expected[::-1]


async def test_entries_come_in_pages_newest_first(store: Store) -> None:
    owner = await add_owner(store)
    await record(store, owner.tenant.id, *[EVENT] * 5)
    async with store.read() as unit:
        everything = await unit.audit_log(owner.tenant.id, LARGEST, 100)
        assert await unit.audit_log(owner.tenant.id, LARGEST, 2, offset=1) == everything[1:3]
        pages = [await unit.audit_log(owner.tenant.id, before, 2) for before in (LARGEST, 4, 2, 1)]
    assert [[entry.number for entry in page] for page in pages] == [[5, 4], [3, 2], [1], []]


async def test_entries_are_selected(store: Store) -> None:
    owner, other = await add_owner(store), await add_owner(store)
    hour = timedelta(hours=1)
    await record(
        store,
        owner.tenant.id,
        replace(EVENT, actor_id=7, action=Action.API_KEY_CREATED, target="api_key:1"),
        replace(EVENT, actor_id=8, action=Action.API_KEY_REVOKED, target="api_key:11", at=EVENT.at + hour),
        replace(EVENT, actor_id=None, action=Action.REFRESH_TOKEN_REUSED, target="user:7", at=EVENT.at + 2 * hour),
        replace(EVENT, actor_id=7, action=Action.MEMBER_REMOVED, target="user:17", at=EVENT.at + 3 * hour),
    )
    await record(store, other.tenant.id, replace(EVENT, actor_id=7, target="api_key:1"))
    filters = {
        AuditFilter(): [4, 3, 2, 1],
        AuditFilter(actor_id=7): [4, 1],
        AuditFilter(action=Action.API_KEY_REVOKED): [2],
        AuditFilter(target="api_key:1"): [1],
        AuditFilter(target="api_key"): [2, 1],
        AuditFilter(target="api"): [],
        AuditFilter(target="a%"): [],
        AuditFilter(since=EVENT.at + hour): [4, 3, 2],
        AuditFilter(until=EVENT.at + hour): [1],
        AuditFilter(since=EVENT.at + hour, until=EVENT.at + 3 * hour, target="user"): [3],
        AuditFilter(actor_id=7, action=Action.API_KEY_REVOKED): [],
    }
    async with store.read() as unit:
        for only, numbers in filters.items():
            entries = await unit.audit_log(owner.tenant.id, LARGEST, 100, only=only)
            assert ([entry.number for entry in entries], only) == (numbers, only)
            assert await unit.audit_count(owner.tenant.id, only) == len(numbers)
        page = await unit.audit_log(owner.tenant.id, 4, 1, offset=1, only=AuditFilter(target="api_key"))
        assert [entry.number for entry in page] == [1]


async def test_each_tenant_has_its_own_chain(store: Store) -> None:
    owner, other = await add_owner(store), await add_owner(store)
    await record(store, owner.tenant.id, EVENT, EVENT)
    await record(store, other.tenant.id, EVENT)
    assert [entry.number for entry in await whole_log(store, owner.tenant.id)] == [2, 1]
    assert [entry.number for entry in await whole_log(store, other.tenant.id)] == [1]


async def test_an_event_without_an_actor_and_in_another_zone_is_kept(store: Store) -> None:
    owner = await add_owner(store)
    event = replace(EVENT, actor_id=None, details={}, at=EVENT.at.astimezone(timezone(timedelta(hours=5))))
    await record(store, owner.tenant.id, event)
    (entry,) = await whole_log(store, owner.tenant.id)
    assert (entry.actor_id, dict(entry.details), entry.at) == (None, {}, EVENT.at)


async def test_two_events_of_one_transaction_follow_each_other(store: Store) -> None:
    owner = await add_owner(store)
    async with store.write() as unit:
        await unit.lock_tenant(owner.tenant.id)
        await unit.record(owner.tenant.id, EVENT)
        await unit.record(owner.tenant.id, EVENT)
    second, first = await whole_log(store, owner.tenant.id)
    assert second.previous_hash == first.hash


async def test_a_log_is_read_forwards_with_its_head(store: Store) -> None:
    owner, other = await add_owner(store), await add_owner(store)
    async with store.write() as unit:
        await unit.lock_tenant(owner.tenant.id)
        for _ in range(3):
            await unit.record(owner.tenant.id, EVENT)
    async with store.read() as unit:
        entries = list(await unit.audit_log(owner.tenant.id, 2**62, 10))[::-1]
        assert list(await unit.audit_entries(owner.tenant.id, 0, 2)) == entries[:2]
        assert list(await unit.audit_entries(owner.tenant.id, 2, 2)) == entries[2:]
        assert await unit.audit_head(owner.tenant.id) == ChainHead(number=3, hash=entries[2].hash)
        assert await unit.audit_head(other.tenant.id) == ChainHead(number=0, hash=FIRST_PREVIOUS_HASH)
        assert list(await unit.audited_tenants(owner.tenant.id - 1, 2)) == [owner.tenant.id, other.tenant.id]
        assert list(await unit.audited_tenants(2**62, 2)) == []
