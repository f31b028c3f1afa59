"""Reading from the memory store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from segops_auth.adapters.memory.tables import Tables
from segops_auth.domain.audit_log import ChainHead
from segops_auth.domain.signing_keys import SigningKey
from segops_auth.domain.values import Account, ApiKey, AuditEntry, Invite, JoinedTenant, KeySecret, Member, Tenant
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

    async def members(self, tenant_id: int, after: int, limit: int) -> Sequence[Member]:
        user_ids = sorted(user for tenant, user in self._tables().members if tenant == tenant_id and user > after)
        page = [await self.member(tenant_id, user_id) for user_id in user_ids[:limit]]
        return [member for member in page if member is not None]

    async def owner_count(self, tenant_id: int) -> int:
        members = self._tables().members.items()
        return sum(tenant == tenant_id and row.role is Role.OWNER for (tenant, _), row in members)

    async def open_invites(self, tenant_id: int, now: datetime, after: int, limit: int) -> Sequence[Invite]:
        invites = sorted((row.invite for row in self._tables().invites.values()), key=lambda invite: invite.id)
        return [
            invite
            for invite in invites
            if invite.tenant_id == tenant_id and invite.id > after and invite.open and invite.expires_at > now
        ][:limit]

    async def invite_by_token(self, token_hash: str) -> Invite | None:
        rows = self._tables().invites.values()
        return next((row.invite for row in rows if row.token_hash == token_hash), None)

    async def api_keys(self, tenant_id: int, after: int, limit: int) -> Sequence[ApiKey]:
        keys = sorted(self._active_keys(), key=lambda key: key.id)
        return [key for key in keys if key.tenant_id == tenant_id and key.id > after][:limit]

    async def api_key(self, tenant_id: int, key_id: int) -> ApiKey | None:
        return next((key for key in self._active_keys() if (key.tenant_id, key.id) == (tenant_id, key_id)), None)

    async def api_key_tenant(self, key_id: int) -> int | None:
        return next((key.tenant_id for key in self._active_keys() if key.id == key_id), None)

    async def api_key_by_hash(self, key_hash: str, now: datetime) -> KeySecret | None:
        for row in self._tables().api_keys.values():
            until = row.key.previous_secret_until
            is_previous = row.previous_hash == key_hash and until is not None and until > now
            is_current = row.key_hash == key_hash
            if row.revoked_at is None and (is_current or is_previous):
                return KeySecret(key=row.key, works_until=None if is_current else until)
        return None

    async def session_is_alive(self, user_id: int, session_id: int) -> bool:
        family = self._tables().families.get(session_id)
        return family is not None and family.user_id == user_id and family.ended_at is None

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

    async def audit_log(self, tenant_id: int, before: int, limit: int) -> Sequence[AuditEntry]:
        log = self._tables().audit_log
        numbers = sorted((number for tenant, number in log if tenant == tenant_id and number < before), reverse=True)
        return [log[tenant_id, number] for number in numbers[:limit]]

    def _active_keys(self) -> list[ApiKey]:
        return [row.key for row in self._tables().api_keys.values() if row.revoked_at is None]
