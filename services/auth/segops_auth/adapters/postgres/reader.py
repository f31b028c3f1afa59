"""Reading from PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence, Set
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
    links,
    member_of,
    members,
    refresh_tokens,
    session_of,
    signing_keys,
    tenant_of,
    tenants,
)
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

    async def taken_slugs(self, slugs: Sequence[str]) -> Set[str]:
        query = sa.select(tenants.c.slug).where(tenants.c.slug.in_(slugs))
        return {row["slug"] for row in await self._all(MEMBERSHIPS, query)}

    async def tenant(self, tenant_id: int) -> Tenant | None:
        row = await self._one(tenant_id, sa.select(tenants).where(tenants.c.id == tenant_id))
        return None if row is None else tenant_of(row)

    async def role(self, tenant_id: int, user_id: int) -> Role | None:
        query = sa.select(members.c.role).where(members.c.tenant_id == tenant_id, members.c.user_id == user_id)
        row = await self._one(tenant_id, query)
        return None if row is None else Role(row["role"])

    async def members(self, tenant_id: int, after: int, limit: int, *, offset: int = 0) -> Sequence[Member]:
        query = _members(tenant_id).where(members.c.user_id > after).order_by(members.c.user_id)
        return [member_of(row) for row in await self._all(tenant_id, query.limit(limit).offset(offset))]

    async def member_count(self, tenant_id: int) -> int:
        return await self._count(tenant_id, members.c.tenant_id == tenant_id)

    async def open_invites(
        self, tenant_id: int, now: datetime, after: int, limit: int, *, offset: int = 0
    ) -> Sequence[Invite]:
        query = sa.select(invites).where(_is_open(tenant_id, now), invites.c.id > after).order_by(invites.c.id)
        return [invite_of(row) for row in await self._all(tenant_id, query.limit(limit).offset(offset))]

    async def open_invite_count(self, tenant_id: int, now: datetime) -> int:
        return await self._count(tenant_id, _is_open(tenant_id, now))

    async def invite_by_token(self, token_hash: str) -> Invite | None:
        row = await self._one(INVITES, sa.select(invites).where(has_token(token_hash)))
        return None if row is None else invite_of(row)

    async def invite(self, tenant_id: int, invite_id: int) -> Invite | None:
        query = sa.select(invites).where(invites.c.tenant_id == tenant_id, invites.c.id == invite_id)
        row = await self._one(tenant_id, query)
        return None if row is None else invite_of(row)

    async def is_mailed_token(self, token_hash: str) -> bool:
        return await self._one(INVITES, sa.select(invites.c.id).where(invites.c.mailed_hash == token_hash)) is not None

    async def link_owner(self, purpose: LinkPurpose, token_hash: str, now: datetime) -> Account | None:
        query = (
            sa.select(accounts)
            .join(links, links.c.user_id == accounts.c.id)
            .where(links.c.token_hash == token_hash, links.c.purpose == purpose.value, links.c.expires_at > now)
        )
        row = await self._one(NO_TENANT, query)
        return None if row is None else account_of(row)

    async def api_keys(self, tenant_id: int, after: int, limit: int, *, offset: int = 0) -> Sequence[ApiKey]:
        query = sa.select(api_keys).where(_is_active(tenant_id), api_keys.c.id > after).order_by(api_keys.c.id)
        return [api_key_of(row) for row in await self._all(tenant_id, query.limit(limit).offset(offset))]

    async def api_key_count(self, tenant_id: int) -> int:
        return await self._count(tenant_id, _is_active(tenant_id))

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

    async def api_key_hash(self, tenant_id: int, key_id: int) -> str | None:
        query = sa.select(api_keys.c.key_hash).where(
            api_keys.c.tenant_id == tenant_id, api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None)
        )
        row = await self._one(tenant_id, query)
        return None if row is None else row["key_hash"]

    async def api_key_by_hash(self, key_hash: str, now: datetime) -> KeySecret | None:
        is_previous = sa.and_(api_keys.c.previous_hash == key_hash, api_keys.c.previous_until > now)
        query = sa.select(api_keys).where(
            sa.or_(api_keys.c.key_hash == key_hash, is_previous), api_keys.c.revoked_at.is_(None)
        )
        row = await self._one(KEYS, query)
        if row is None:
            return None
        is_current = row["key_hash"] == key_hash
        works_until = None if is_current else row["previous_until"]
        return KeySecret(key=api_key_of(row), works_until=works_until, hashes=_working_hashes(row, now))

    async def api_key_owner(self, key_hash: str) -> tuple[int, int] | None:
        has_hash = sa.or_(api_keys.c.key_hash == key_hash, api_keys.c.previous_hash == key_hash)
        row = await self._one(KEYS, sa.select(api_keys.c.tenant_id, api_keys.c.id).where(has_hash))
        return None if row is None else (int(row["tenant_id"]), int(row["id"]))

    async def session_is_alive(self, user_id: int, session_id: int) -> bool:
        query = sa.select(families.c.id).where(
            families.c.id == session_id, families.c.user_id == user_id, families.c.ended_at.is_(None)
        )
        return await self._one(NO_TENANT, query) is not None

    async def sessions(
        self, user_id: int, now: datetime, before: int, limit: int, *, offset: int = 0
    ) -> Sequence[Session]:
        query = (
            sa.select(families)
            .where(_is_refreshable(user_id, now), families.c.id < before)
            .order_by(families.c.id.desc())
            .limit(limit)
            .offset(offset)
        )
        return [session_of(row) for row in await self._all(NO_TENANT, query)]

    async def session_count(self, user_id: int, now: datetime) -> int:
        return await self._count(NO_TENANT, _is_refreshable(user_id, now))

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

    async def audit_log(
        self, tenant_id: int, before: int, limit: int, *, offset: int = 0, only: AuditFilter = EVERY_ENTRY
    ) -> Sequence[AuditEntry]:
        query = (
            sa.select(audit_log)
            .where(_is_selected(tenant_id, only), audit_log.c.number < before)
            .order_by(audit_log.c.number.desc())
            .limit(limit)
            .offset(offset)
        )
        return [audit_entry_of(row) for row in await self._all(tenant_id, query)]

    async def audit_count(self, tenant_id: int, only: AuditFilter) -> int:
        return await self._count(tenant_id, _is_selected(tenant_id, only))

    async def member(self, tenant_id: int, user_id: int) -> Member | None:
        row = await self._one(tenant_id, _members(tenant_id).where(members.c.user_id == user_id))
        return None if row is None else member_of(row)

    async def owner_count(self, tenant_id: int) -> int:
        return await self._count(tenant_id, sa.and_(members.c.tenant_id == tenant_id, members.c.role == Role.OWNER))

    async def _count(self, rows: Rows, condition: sa.ColumnElement[bool]) -> int:
        query = sa.select(sa.func.count()).where(condition)
        return int((await self._of(rows, query)).scalar_one())

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


def has_token(token_hash: str) -> sa.ColumnElement[bool]:
    """Return the condition of an invite: the token is its first one, or that of its newest mail."""
    return sa.or_(invites.c.token_hash == token_hash, invites.c.mailed_hash == token_hash)


def _is_open(tenant_id: int, now: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(invites.c.tenant_id == tenant_id, invites.c.closed_at.is_(None), invites.c.expires_at > now)


def _is_selected(tenant_id: int, only: AuditFilter) -> sa.ColumnElement[bool]:
    columns = audit_log.c
    conditions = [columns.tenant_id == tenant_id]
    if only.actor_id is not None:
        conditions.append(columns.actor_id == only.actor_id)
    if only.action is not None:
        conditions.append(columns.action == only.action.value)
    if only.target is not None:
        is_kind = ":" not in only.target
        of_kind = columns.target.startswith(f"{only.target}:", autoescape=True)
        conditions.append(of_kind if is_kind else columns.target == only.target)
    if only.since is not None:
        conditions.append(columns.at >= only.since)
    if only.until is not None:
        conditions.append(columns.at < only.until)
    return sa.and_(*conditions)


def _is_refreshable(user_id: int, now: datetime) -> sa.ColumnElement[bool]:
    has_token = sa.exists().where(refresh_tokens.c.family_id == families.c.id, refresh_tokens.c.expires_at > now)
    return sa.and_(families.c.user_id == user_id, families.c.ended_at.is_(None), has_token)


def _is_active(tenant_id: int) -> sa.ColumnElement[bool]:
    return sa.and_(api_keys.c.tenant_id == tenant_id, api_keys.c.revoked_at.is_(None))


def _members(tenant_id: int) -> sa.Select[tuple[object, ...]]:
    return (
        sa.select(members.c.user_id, members.c.role, members.c.joined_at, accounts.c.email)
        .join(accounts, accounts.c.id == members.c.user_id)
        .where(members.c.tenant_id == tenant_id)
    )


def _working_hashes(row: sa.RowMapping, now: datetime) -> tuple[str, ...]:
    is_previous_working = row["previous_until"] is not None and row["previous_until"] > now
    return (row["key_hash"], row["previous_hash"]) if is_previous_working else (row["key_hash"],)
