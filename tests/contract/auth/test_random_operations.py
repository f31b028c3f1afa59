"""Random operations give the same results in memory and in PostgreSQL: uniqueness, order, pages, expiry, rollback."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from segops_auth.adapters.memory.store import MemoryStore
from segops_auth.domain.audit_log import Action, AuditEvent
from segops_auth.domain.values import AuditEntry, Invite, NewApiKey
from segops_auth.ports.accounts import EmailTaken
from segops_auth.ports.store import Store, WriteUnit
from segops_auth.ports.tenants import AlreadyMember, SlugTaken
from segops_common.security.permissions import KeyKind, Role, Scope
from tests.contract.auth.rows import NOW

TRANSACTIONS = 100
UNKNOWN = 2**62
ID_FIELDS = {"id", "tenant_id", "user_id", "invited_by", "created_by", "family_id", "actor_id"}


class Undone(Exception):
    """Makes a transaction roll back."""


@dataclass
class Subject:
    """A store and the ids of its rows, by kind, in the order of their creation."""

    store: Store
    ids: dict[str, list[int]] = field(default_factory=lambda: {"account": [], "tenant": [], "invite": [], "key": []})

    def id(self, kind: str, index: int) -> int:
        ids = self.ids[kind]
        return ids[index % len(ids)] if ids and index >= 0 else UNKNOWN

    def comparable(self, value: Any) -> Any:
        """Return the value with ids replaced by their position, and without hashes, which cover ids."""
        if isinstance(value, AuditEntry):
            return ("entry", value.number, value.at, value.action)
        if is_dataclass(value) and not isinstance(value, type):
            return {
                item.name: self._position(item.name, type(value).__name__, getattr(value, item.name))
                for item in fields(value)
            }
        return [self.comparable(item) for item in value] if isinstance(value, list | tuple) else value

    def _position(self, name: str, owner: str, value: Any) -> Any:
        if name not in ID_FIELDS:
            return self.comparable(value)
        kinds = {"id": owner.lower().removeprefix("api"), "tenant_id": "tenant"}
        ids = self.ids.get(kinds.get(name, "account"), [])
        return ids.index(value) if value in ids else "new"


Operation = Callable[[WriteUnit, Subject], Awaitable[Any]]


def random_operation(random: Random, prefix: str) -> Operation:
    """Return an operation that can run on both stores: it names rows by position."""
    number, other = random.randrange(-1, 6), random.randrange(6)
    at = NOW + timedelta(hours=random.randrange(6))
    role, limit = random.choice(list(Role)), random.randrange(1, 4)
    text = f"{prefix}-{random.randrange(4)}"
    return random.choice(
        [
            _add_account(text),
            _add_tenant(text),
            _add_invite(f"{prefix}-{random.randrange(10**6)}", other, role, at),
            _add_key(f"{prefix}-{random.randrange(10**6)}", other),
            lambda unit, on: unit.change_tenant(on.id("tenant", other), text, text) if on.ids["tenant"] else _nothing(),
            lambda unit, on: _add_member(unit, on, other, number, role),
            lambda unit, on: unit.set_role(on.id("tenant", other), on.id("account", number), role),
            lambda unit, on: unit.remove_member(on.id("tenant", other), on.id("account", number)),
            lambda unit, on: unit.member(on.id("tenant", other), on.id("account", number)),
            lambda unit, on: unit.members(on.id("tenant", other), on.id("account", number) % UNKNOWN, limit),
            lambda unit, on: unit.joined_tenants(on.id("account", number)),
            lambda unit, on: unit.owner_count(on.id("tenant", other)),
            lambda unit, on: unit.account_by_email(text),
            lambda unit, on: unit.open_invites(on.id("tenant", other), at, on.id("invite", number) % UNKNOWN, limit),
            lambda unit, on: unit.withdraw_invite(on.id("tenant", other), on.id("invite", number), at),
            lambda unit, on: unit.api_keys(on.id("tenant", other), on.id("key", number) % UNKNOWN, limit),
            lambda unit, on: unit.revoke_api_key(on.id("tenant", other), on.id("key", number), at),
            lambda unit, on: unit.set_api_key_origins(on.id("tenant", other), on.id("key", number), [text]),
            lambda unit, on: unit.set_signed_user_ids(on.id("tenant", other), on.id("key", number), at),
            lambda unit, on: unit.api_key_hash(on.id("tenant", other), on.id("key", number)),
            lambda unit, on: unit.record_api_key_use({on.id("key", number): at}),
            lambda unit, on: _record(unit, on, other, at),
            lambda unit, on: unit.audit_log(on.id("tenant", other), number + 2, limit),
        ]
    )


async def _nothing() -> None:
    return None


def _add_account(email: str) -> Operation:
    async def add(unit: WriteUnit, on: Subject) -> Any:
        account = await unit.add_account(email, "hash", NOW)
        on.ids["account"].append(account.id)
        return account

    return add


def _add_tenant(slug: str) -> Operation:
    async def add(unit: WriteUnit, on: Subject) -> Any:
        tenant = await unit.add_tenant(slug, slug, NOW)
        on.ids["tenant"].append(tenant.id)
        return tenant

    return add


def _add_invite(token_hash: str, tenant: int, role: Role, at: datetime) -> Operation:
    async def add(unit: WriteUnit, on: Subject) -> Any:
        if not on.ids["tenant"] or not on.ids["account"]:
            return None
        new = Invite(
            id=0,
            tenant_id=on.id("tenant", tenant),
            email="grace@example.com",
            role=role,
            invited_by=on.id("account", tenant),
            created_at=NOW,
            expires_at=at,
            open=True,
        )
        invite = await unit.add_invite(new.tenant_id, new, token_hash)
        on.ids["invite"].append(invite.id)
        return invite

    return add


def _add_key(key_hash: str, tenant: int) -> Operation:
    async def add(unit: WriteUnit, on: Subject) -> Any:
        if not on.ids["tenant"] or not on.ids["account"]:
            return None
        new = NewApiKey(
            name="key",
            kind=KeyKind.PUBLISHABLE,
            is_test=False,
            scopes=frozenset({Scope.EVENTS_WRITE}),
            allowed_origins=(),
            key_hash=key_hash,
            last_four=key_hash[-4:],
            created_by=on.id("account", tenant),
            created_at=NOW,
            signed_user_ids_since=None,
        )
        key = await unit.add_api_key(on.id("tenant", tenant), new)
        on.ids["key"].append(key.id)
        return key

    return add


async def _add_member(unit: WriteUnit, on: Subject, tenant: int, user: int, role: Role) -> None:
    if on.ids["tenant"] and on.ids["account"] and user >= 0:
        await unit.add_member(on.id("tenant", tenant), on.id("account", user), role, NOW)


async def _record(unit: WriteUnit, on: Subject, tenant: int, at: datetime) -> bool:
    is_locked = await unit.lock_tenant(on.id("tenant", tenant))
    if is_locked:
        event = AuditEvent(at=at, actor_id=None, action=Action.TENANT_UPDATED, target="tenant")
        await unit.record(on.id("tenant", tenant), event)
    return is_locked


async def run(on: Subject, operations: list[Operation], *, undo: bool) -> list[Any]:
    """Run the operations in one transaction; return their results, and the error that ended it."""
    results: list[Any] = []
    before = {kind: list(ids) for kind, ids in on.ids.items()}
    try:
        async with on.store.write() as unit:
            for operation in operations:
                results.append(on.comparable(await operation(unit, on)))
            if undo:
                raise Undone
    except (EmailTaken, SlugTaken, AlreadyMember, Undone) as error:
        results.append(type(error).__name__)
        on.ids = before
    return results


@pytest.mark.parametrize("seed", range(6))
async def test_both_stores_give_the_same_results(postgres_store: Store, seed: int) -> None:
    random, prefix = Random(seed), secrets.token_hex(8)
    memory, postgres = Subject(MemoryStore()), Subject(postgres_store)
    outcomes: set[str] = set()
    for _ in range(TRANSACTIONS):
        operations = [random_operation(random, prefix) for _ in range(random.randrange(1, 8))]
        undo = random.random() < 0.1
        in_memory = await run(memory, operations, undo=undo)
        assert in_memory == await run(postgres, operations, undo=undo)
        outcomes.update(result for result in in_memory if isinstance(result, str))
    assert all(memory.ids.values()), "every kind of row was stored"
    assert {"EmailTaken", "SlugTaken", "Undone"} <= outcomes
