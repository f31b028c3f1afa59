"""Rows that the suites of the store need."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from segops_auth.domain.audit_log import Action, AuditEvent
from segops_auth.domain.values import Account, Invite, NewApiKey, Tenant
from segops_auth.ports.store import Store
from segops_common.security.permissions import KeyKind, Role, Scope

NOW = datetime(2026, 1, 31, 9, 0, 0, 120, tzinfo=UTC)
LATER = NOW + timedelta(days=7)
EVENT = AuditEvent(at=NOW, actor_id=7, action=Action.API_KEY_CREATED, target="api_key:5", details={"name": "wéb"})


@dataclass(frozen=True, slots=True)
class Owner:
    """An account and the tenant that it owns."""

    account: Account
    tenant: Tenant


def unique(prefix: str) -> str:
    """Return text that no other test uses."""
    return f"{prefix}-{secrets.token_hex(8)}"


async def add_account(store: Store) -> Account:
    """Store an account of its own e-mail address."""
    async with store.write() as unit:
        return await unit.add_account(f"{unique('user')}@example.com", "hash", NOW)


async def add_owner(store: Store) -> Owner:
    """Store an account and its tenant."""
    account = await add_account(store)
    async with store.write() as unit:
        tenant = await unit.add_tenant(unique("tenant"), "Tenant", NOW)
        await unit.add_member(tenant.id, account.id, Role.OWNER, NOW)
    return Owner(account, tenant)


async def join(store: Store, tenant: Tenant, role: Role) -> Account:
    """Store an account that is a member of the tenant."""
    account = await add_account(store)
    async with store.write() as unit:
        await unit.add_member(tenant.id, account.id, role, NOW)
    return account


async def add_invite(store: Store, owner: Owner, *, expires_at: datetime = LATER) -> tuple[Invite, str]:
    """Store an invite; return it with the hash of its token."""
    token_hash = unique("token")
    new = Invite(
        id=0,
        tenant_id=owner.tenant.id,
        email="grace@example.com",
        role=Role.MEMBER,
        invited_by=owner.account.id,
        created_at=NOW,
        expires_at=expires_at,
        open=True,
    )
    async with store.write() as unit:
        return await unit.add_invite(owner.tenant.id, new, token_hash), token_hash


def new_key(owner: Owner, key_hash: str | None = None) -> NewApiKey:
    """Return a key to store."""
    return NewApiKey(
        name="web server",
        kind=KeyKind.PUBLISHABLE,
        is_test=False,
        scopes=frozenset({Scope.EVENTS_WRITE, Scope.MEMBERSHIP_READ}),
        allowed_origins=("https://b.example.com", "https://a.example.com"),
        key_hash=key_hash or unique("hash"),
        last_four="abcd",
        created_by=owner.account.id,
        created_at=NOW,
        signed_user_ids_since=None,
    )
