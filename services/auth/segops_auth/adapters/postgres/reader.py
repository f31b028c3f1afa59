"""Reading from PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias, assert_never

import sqlalchemy as sa

from segops_auth.adapters.postgres.tables import (
    account_of,
    accounts,
    api_key_of,
    api_keys,
    audit_entry_of,
    audit_log,
    families,
    invite_of,
    invites,
    member_of,
    members,
    signing_keys,
    tenant_of,
    tenants,
)
from segops_auth.domain.audit_log import ChainHead
from segops_auth.domain.signing_keys import SigningKey
from segops_auth.domain.values import Account, ApiKey, AuditEntry, Invite, JoinedTenant, KeySecret, Member, Tenant
from segops_common.security.permissions import Role
from segops_common.stores.postgres import ReadSession, WriteSession

# Roles that see rows of all tenants, to find what a caller presents. See `deploy/postgres/roles.sql`.
KEYS: Final = "segops_auth_keys"
MEMBERSHIPS: Final = "segops_auth_memberships"
INVITES: Final = "segops_auth_invites"
AUDITOR: Final = "segops_auth_auditor"
NO_TENANT: Final = None
"""For tables that have no tenant: accounts, refresh tokens and signing keys."""

Rows: TypeAlias = int | str | None
"""Which rows a query may see: all rows of a tenant, what a role may see, or tables without a tenant."""


class PostgresReadUnit:
    """Reads in one transaction."""

    def __init__(self, session: ReadSession | WriteSession) -> None:
        # Private to this class, so that a query cannot forget whose rows it may see.
        self.__session = session

    async def account_by_email(self, email: str) -> Account | None:
        row = await self._one(NO_TENANT, sa.select(accounts).where(accounts.c.email == email))
        return None if row is None else account_of(row)

    async def account(self, user_id: int) -> Account | None:
        row = await self._one(NO_TENANT, sa.select(accounts).where(accounts.c.id == user_id))
        return None if row is None else account_of(row)

    async def joined_tenants(self, user_id: int) -> Sequence[JoinedTenant]:
        query = (
            sa.select(tenants, members.c.role)
            .join(members, members.c.tenant_id == tenants.c.id)
            .where(members.c.user_id == user_id)
            .order_by(tenants.c.id)
        )
        return [
            JoinedTenant(tenant=tenant_of(row), role=Role(row["role"])) for row in await self._all(MEMBERSHIPS, query)
        ]

    async def tenant(self, tenant_id: int) -> Tenant | None:
        row = await self._one(tenant_id, sa.select(tenants).where(tenants.c.id == tenant_id))
        return None if row is None else tenant_of(row)

    async def role(self, tenant_id: int, user_id: int) -> Role | None:
        query = sa.select(members.c.role).where(members.c.tenant_id == tenant_id, members.c.user_id == user_id)
        row = await self._one(tenant_id, query)
        return None if row is None else Role(row["role"])

    async def members(self, tenant_id: int, after: int, limit: int) -> Sequence[Member]:
        query = _members(tenant_id).where(members.c.user_id > after).order_by(members.c.user_id).limit(limit)
        return [member_of(row) for row in await self._all(tenant_id, query)]

    async def open_invites(self, tenant_id: int, now: datetime, after: int, limit: int) -> Sequence[Invite]:
        query = (
            sa.select(invites)
            .where(
                invites.c.tenant_id == tenant_id,
                invites.c.id > after,
                invites.c.closed_at.is_(None),
                invites.c.expires_at > now,
            )
            .order_by(invites.c.id)
            .limit(limit)
        )
        return [invite_of(row) for row in await self._all(tenant_id, query)]

    async def invite_by_token(self, token_hash: str) -> Invite | None:
        row = await self._one(INVITES, sa.select(invites).where(invites.c.token_hash == token_hash))
        return None if row is None else invite_of(row)

    async def api_keys(self, tenant_id: int, after: int, limit: int) -> Sequence[ApiKey]:
        query = (
            sa.select(api_keys)
            .where(api_keys.c.tenant_id == tenant_id, api_keys.c.id > after, api_keys.c.revoked_at.is_(None))
            .order_by(api_keys.c.id)
            .limit(limit)
        )
        return [api_key_of(row) for row in await self._all(tenant_id, query)]

    async def api_key(self, tenant_id: int, key_id: int) -> ApiKey | None:
        query = sa.select(api_keys).where(
            api_keys.c.tenant_id == tenant_id, api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None)
        )
        row = await self._one(tenant_id, query)
        return None if row is None else api_key_of(row)

    async def api_key_tenant(self, key_id: int) -> int | None:
        query = sa.select(api_keys.c.tenant_id).where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
        row = await self._one(KEYS, query)
        return None if row is None else int(row["tenant_id"])

    async def api_key_by_hash(self, key_hash: str, now: datetime) -> KeySecret | None:
        is_previous = sa.and_(api_keys.c.previous_hash == key_hash, api_keys.c.previous_until > now)
        query = sa.select(api_keys).where(
            sa.or_(api_keys.c.key_hash == key_hash, is_previous), api_keys.c.revoked_at.is_(None)
        )
        row = await self._one(KEYS, query)
        if row is None:
            return None
        is_current = row["key_hash"] == key_hash
        return KeySecret(key=api_key_of(row), works_until=None if is_current else row["previous_until"])

    async def session_is_alive(self, user_id: int, session_id: int) -> bool:
        query = sa.select(families.c.id).where(
            families.c.id == session_id, families.c.user_id == user_id, families.c.ended_at.is_(None)
        )
        return await self._one(NO_TENANT, query) is not None

    async def signing_keys(self) -> Sequence[SigningKey]:
        query = sa.select(signing_keys).where(signing_keys.c.sealed.is_not(None)).order_by(signing_keys.c.active_at)
        return [SigningKey(**row) for row in await self._all(NO_TENANT, query)]

    async def signing_key_existed(self, kid: str) -> bool:
        return await self._one(NO_TENANT, sa.select(signing_keys.c.kid).where(signing_keys.c.kid == kid)) is not None

    async def audit_entries(self, tenant_id: int, after: int, limit: int) -> Sequence[AuditEntry]:
        query = (
            sa.select(audit_log)
            .where(audit_log.c.tenant_id == tenant_id, audit_log.c.number > after)
            .order_by(audit_log.c.number)
            .limit(limit)
        )
        return [audit_entry_of(row) for row in await self._all(tenant_id, query)]

    async def audit_head(self, tenant_id: int) -> ChainHead:
        query = sa.select(tenants.c.audit_number, tenants.c.audit_hash).where(tenants.c.id == tenant_id)
        row = (await self._of(tenant_id, query)).mappings().one()
        return ChainHead(number=row["audit_number"], hash=row["audit_hash"])

    async def audited_tenants(self, after: int, limit: int) -> Sequence[int]:
        query = sa.select(tenants.c.id).where(tenants.c.id > after).order_by(tenants.c.id).limit(limit)
        return (await self._of(AUDITOR, query)).scalars().all()

    async def audit_log(self, tenant_id: int, before: int, limit: int) -> Sequence[AuditEntry]:
        query = (
            sa.select(audit_log)
            .where(audit_log.c.tenant_id == tenant_id, audit_log.c.number < before)
            .order_by(audit_log.c.number.desc())
            .limit(limit)
        )
        return [audit_entry_of(row) for row in await self._all(tenant_id, query)]

    async def member(self, tenant_id: int, user_id: int) -> Member | None:
        row = await self._one(tenant_id, _members(tenant_id).where(members.c.user_id == user_id))
        return None if row is None else member_of(row)

    async def owner_count(self, tenant_id: int) -> int:
        query = (
            sa.select(sa.func.count())
            .select_from(members)
            .where(members.c.tenant_id == tenant_id, members.c.role == Role.OWNER)
        )
        return int((await self._of(tenant_id, query)).scalar_one())

    async def _one(self, rows: Rows, query: sa.Executable) -> sa.RowMapping | None:
        return (await self._of(rows, query)).mappings().one_or_none()

    async def _all(self, rows: Rows, query: sa.Executable) -> Sequence[sa.RowMapping]:
        return (await self._of(rows, query)).mappings().all()

    async def _of(self, rows: Rows, query: sa.Executable) -> sa.Result[Any]:
        """Run a query over these rows only."""
        match rows:
            case int():
                await self.__session.enter_tenants(rows)
            case str():
                await self.__session.enter_role(rows)
            case None:
                await self.__session.leave_role()
            case _:
                assert_never(rows)
        return await self.__session.execute(query)


def _members(tenant_id: int) -> sa.Select[tuple[object, ...]]:
    return (
        sa.select(members.c.user_id, members.c.role, members.c.joined_at, accounts.c.email)
        .join(accounts, accounts.c.id == members.c.user_id)
        .where(members.c.tenant_id == tenant_id)
    )
