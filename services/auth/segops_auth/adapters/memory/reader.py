"""Reading from the memory store."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from datetime import datetime

from segops_auth.adapters.memory.tables import Tables
from segops_auth.domain.audit_log import EVERY_ENTRY, AuditFilter, ChainHead
from segops_auth.domain.mail import LinkPurpose
from segops_auth.domain.signing_keys import SigningKey
from segops_auth.domain.values import (
    Account,
    ApiKey,
    AuditEntry,
    Invite,
    JoinedTenant,
    KeySecret,
    Member,
    Session,
    Tenant,
)
from segops_common.security.permissions import Role


class MemoryReadUnit:
    """Reads the tables that `tables` returns: the latest committed ones, or a transaction's own."""

    def __init__(self, tables: Callable[[], Tables]) -> None:
        self._tables = tables

    async def account_by_email(self, email: str) -> Account | None:
        return next((account for account in self._tables().accounts.values() if account.email == email), None)

    async def account(self, user_id: int) -> Account | None:
        return self._tables().accounts.get(user_id)

    async def tenant(self, tenant_id: int) -> Tenant | None:
        return self._tables().tenants.get(tenant_id)

    async def taken_slugs(self, slugs: Sequence[str]) -> Set[str]:
        return {tenant.slug for tenant in self._tables().tenants.values()} & set(slugs)

    async def joined_tenants(self, user_id: int) -> Sequence[JoinedTenant]:
        tables = self._tables()
        return [
            JoinedTenant(tenant=tables.tenants[tenant_id], role=row.role)
            for (tenant_id, member_id), row in sorted(tables.members.items(), key=lambda item: item[0])
            if member_id == user_id
        ]

    async def role(self, tenant_id: int, user_id: int) -> Role | None:
        row = self._tables().members.get((tenant_id, user_id))
        return None if row is None else row.role

    async def member(self, tenant_id: int, user_id: int) -> Member | None:
        tables = self._tables()
        row = tables.members.get((tenant_id, user_id))
        if row is None:
            return None
        email = tables.accounts[user_id].email
        return Member(user_id=user_id, email=email, role=row.role, joined_at=row.joined_at)

    async def members(self, tenant_id: int, after: int, limit: int, *, offset: int = 0) -> Sequence[Member]:
        user_ids = sorted(user for tenant, user in self._tables().members if tenant == tenant_id and user > after)
        page = [await self.member(tenant_id, user_id) for user_id in user_ids[offset:][:limit]]
        return [member for member in page if member is not None]

    async def member_count(self, tenant_id: int) -> int:
        return sum(tenant == tenant_id for tenant, _ in self._tables().members)

    async def owner_count(self, tenant_id: int) -> int:
        members = self._tables().members.items()
        return sum(tenant == tenant_id and row.role is Role.OWNER for (tenant, _), row in members)

    async def open_invites(
        self, tenant_id: int, now: datetime, after: int, limit: int, *, offset: int = 0
    ) -> Sequence[Invite]:
        invites = sorted(self._acceptable_invites(tenant_id, now), key=lambda invite: invite.id)
        return [invite for invite in invites if invite.id > after][offset:][:limit]

    async def open_invite_count(self, tenant_id: int, now: datetime) -> int:
        return len(self._acceptable_invites(tenant_id, now))

    async def invite_by_token(self, token_hash: str) -> Invite | None:
        rows = self._tables().invites.values()
        return next((row.invite for row in rows if token_hash in (row.token_hash, row.mailed_hash)), None)

    async def invite(self, tenant_id: int, invite_id: int) -> Invite | None:
        row = self._tables().invites.get(invite_id)
        return None if row is None or row.invite.tenant_id != tenant_id else row.invite

    async def is_mailed_token(self, token_hash: str) -> bool:
        return any(row.mailed_hash == token_hash for row in self._tables().invites.values())

    async def link_owner(self, purpose: LinkPurpose, token_hash: str, now: datetime) -> Account | None:
        row = self._tables().links.get(token_hash)
        works = row is not None and row.purpose is purpose and row.expires_at > now
        return self._tables().accounts[row.user_id] if row is not None and works else None

    async def api_keys(self, tenant_id: int, after: int, limit: int, *, offset: int = 0) -> Sequence[ApiKey]:
        keys = sorted(self._active_keys(), key=lambda key: key.id)
        return [key for key in keys if key.tenant_id == tenant_id and key.id > after][offset:][:limit]

    async def api_key_count(self, tenant_id: int) -> int:
        return sum(key.tenant_id == tenant_id for key in self._active_keys())

    async def api_key(self, tenant_id: int, key_id: int) -> ApiKey | None:
        return next((key for key in self._active_keys() if (key.tenant_id, key.id) == (tenant_id, key_id)), None)

    async def api_key_tenant(self, key_id: int) -> int | None:
        return next((key.tenant_id for key in self._active_keys() if key.id == key_id), None)

    async def api_key_hash(self, tenant_id: int, key_id: int) -> str | None:
        row = self._tables().api_keys.get(key_id)
        return None if row is None or row.key.tenant_id != tenant_id or row.revoked_at is not None else row.key_hash

    async def api_key_by_hash(self, key_hash: str, now: datetime) -> KeySecret | None:
        for row in self._tables().api_keys.values():
            until = row.key.previous_secret_until
            is_previous = row.previous_hash == key_hash and until is not None and until > now
            is_current = row.key_hash == key_hash
            if row.revoked_at is None and (is_current or is_previous):
                previous = row.previous_hash if until is not None and until > now else None
                hashes = (row.key_hash,) if previous is None else (row.key_hash, previous)
                return KeySecret(key=row.key, works_until=None if is_current else until, hashes=hashes)
        return None

    async def api_key_owner(self, key_hash: str) -> tuple[int, int] | None:
        for row in self._tables().api_keys.values():
            if key_hash in (row.key_hash, row.previous_hash):
                return row.key.tenant_id, row.key.id
        return None

    async def session_is_alive(self, user_id: int, session_id: int) -> bool:
        family = self._tables().families.get(session_id)
        return family is not None and family.user_id == user_id and family.ended_at is None

    async def sessions(
        self, user_id: int, now: datetime, before: int, limit: int, *, offset: int = 0
    ) -> Sequence[Session]:
        sessions = sorted(self._sessions(user_id, now), key=lambda session: -session.id)
        return [session for session in sessions if session.id < before][offset:][:limit]

    async def session_count(self, user_id: int, now: datetime) -> int:
        return len(self._sessions(user_id, now))

    async def signing_keys(self) -> Sequence[SigningKey]:
        return sorted(self._tables().signing_keys.values(), key=lambda key: key.active_at)

    async def signing_key_existed(self, kid: str) -> bool:
        return kid in self._tables().signing_keys or kid in self._tables().removed_signing_keys

    async def audit_entries(self, tenant_id: int, after: int, limit: int) -> Sequence[AuditEntry]:
        log = self._tables().audit_log
        numbers = sorted(number for tenant, number in log if tenant == tenant_id and number > after)
        return [log[tenant_id, number] for number in numbers[:limit]]

    async def audit_head(self, tenant_id: int) -> ChainHead:
        return self._tables().chain_heads[tenant_id]

    async def audited_tenants(self, after: int, limit: int) -> Sequence[int]:
        return sorted(tenant for tenant in self._tables().tenants if tenant > after)[:limit]

    async def audit_log(
        self, tenant_id: int, before: int, limit: int, *, offset: int = 0, only: AuditFilter = EVERY_ENTRY
    ) -> Sequence[AuditEntry]:
        entries = [entry for entry in self._selected(tenant_id, only) if entry.number < before]
        return sorted(entries, key=lambda entry: entry.number, reverse=True)[offset:][:limit]

    async def audit_count(self, tenant_id: int, only: AuditFilter) -> int:
        return len(self._selected(tenant_id, only))

    def _selected(self, tenant_id: int, only: AuditFilter) -> list[AuditEntry]:
        log = self._tables().audit_log
        return [entry for (tenant, _), entry in log.items() if tenant == tenant_id and only.selects(entry)]

    def _acceptable_invites(self, tenant_id: int, now: datetime) -> list[Invite]:
        invites = [row.invite for row in self._tables().invites.values() if row.invite.tenant_id == tenant_id]
        return [invite for invite in invites if invite.open and invite.expires_at > now]

    def _sessions(self, user_id: int, now: datetime) -> list[Session]:
        tables = self._tables()
        refreshable = {token.family_id for token in tables.refresh_tokens.values() if token.expires_at > now}
        return [
            Session(id=id_, user_id=user_id, created_at=row.created_at, last_used_at=row.last_used_at, place=row.place)
            for id_, row in tables.families.items()
            if row.user_id == user_id and row.ended_at is None and id_ in refreshable
        ]

    def _active_keys(self) -> list[ApiKey]:
        return [row.key for row in self._tables().api_keys.values() if row.revoked_at is None]
