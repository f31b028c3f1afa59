"""Writing to PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from segops_auth.adapters.postgres.reader import INVITES, KEYS, NO_TENANT, PostgresReadUnit, Rows, has_token
from segops_auth.adapters.postgres.tables import (
    account_of,
    accounts,
    api_key_of,
    api_keys,
    audit_log,
    families,
    invite_of,
    invites,
    links,
    mail_order_of,
    mails,
    members,
    refresh_token_of,
    refresh_tokens,
    signing_keys,
    tenant_of,
    tenants,
)
from segops_auth.domain.audit_log import FIRST_PREVIOUS_HASH, AuditEvent, chain
from segops_auth.domain.mail import LinkPurpose, MailOrder
from segops_auth.domain.signing_keys import SigningKey
from segops_auth.domain.values import NOWHERE, Account, ApiKey, Invite, NewApiKey, Place, RefreshToken, Tenant
from segops_auth.ports.accounts import EmailTaken
from segops_auth.ports.store import ReadUnit, WriteUnit
from segops_auth.ports.tenants import AlreadyMember, SlugTaken
from segops_common.security.permissions import Role
from segops_common.stores.postgres import WriteSession, read_session, write_session

_AUDIT_COLUMNS = tuple(column.name for column in audit_log.columns)

_NEXT_TENANT_ID: Final = sa.text("SELECT nextval(pg_get_serial_sequence('auth.tenants', 'id'))")


class PostgresWriteUnit(PostgresReadUnit):
    """Reads and writes in one transaction."""

    def __init__(self, session: WriteSession) -> None:
        super().__init__(session)

    async def lock_tenant(self, tenant_id: int) -> bool:
        query = sa.select(tenants.c.id).where(tenants.c.id == tenant_id).with_for_update()
        return await self._one(tenant_id, query) is not None

    async def add_account(self, email: str, password_hash: str, at: datetime) -> Account:
        values = {"email": email, "password_hash": password_hash, "created_at": at}
        return account_of(await self._insert(NO_TENANT, accounts, values, taken=EmailTaken))

    async def verify_email(self, user_id: int, at: datetime) -> bool:
        is_new = sa.and_(accounts.c.id == user_id, accounts.c.email_verified_at.is_(None))
        change = sa.update(accounts).where(is_new).values(email_verified_at=at).returning(accounts.c.id)
        return await self._one(NO_TENANT, change) is not None

    async def replace_password(self, account: Account, password_hash: str) -> bool:
        is_as_seen = sa.and_(accounts.c.id == account.id, accounts.c.password_hash == account.password_hash)
        change = sa.update(accounts).where(is_as_seen).values(password_hash=password_hash).returning(accounts.c.id)
        return await self._one(NO_TENANT, change) is not None

    async def add_tenant(self, slug: str, name: str, at: datetime, *, is_test: bool = False) -> Tenant:
        tenant_id: int = (await self._of(NO_TENANT, _NEXT_TENANT_ID)).scalar_one()
        values = {
            "id": tenant_id,
            "slug": slug,
            "name": name,
            "is_test": is_test,
            "created_at": at,
            "audit_number": 0,
            "audit_hash": FIRST_PREVIOUS_HASH,
        }
        return tenant_of(await self._insert(tenant_id, tenants, values, taken=SlugTaken))

    async def set_test_tenant(self, tenant_id: int, test_tenant_id: int) -> None:
        change = sa.update(tenants).where(tenants.c.id == tenant_id).values(test_tenant_id=test_tenant_id)
        await self._of(tenant_id, change)

    async def change_tenant(self, tenant_id: int, slug: str, name: str, *, joins_unsigned_ids: bool = True) -> Tenant:
        values = {"slug": slug, "name": name, "joins_unsigned_ids": joins_unsigned_ids}
        change = sa.update(tenants).where(tenants.c.id == tenant_id).values(values).returning(tenants)
        try:
            return tenant_of((await self._of(tenant_id, change)).mappings().one())
        except IntegrityError as error:
            raise SlugTaken from error

    async def add_member(self, tenant_id: int, user_id: int, role: Role, at: datetime) -> None:
        values = {"tenant_id": tenant_id, "user_id": user_id, "role": role.value, "joined_at": at}
        await self._insert(tenant_id, members, values, taken=AlreadyMember)

    async def set_role(self, tenant_id: int, user_id: int, role: Role) -> None:
        is_member = sa.and_(members.c.tenant_id == tenant_id, members.c.user_id == user_id)
        await self._of(tenant_id, sa.update(members).where(is_member).values(role=role.value))

    async def remove_member(self, tenant_id: int, user_id: int) -> None:
        is_member = sa.and_(members.c.tenant_id == tenant_id, members.c.user_id == user_id)
        await self._of(tenant_id, sa.delete(members).where(is_member))

    async def add_invite(self, tenant_id: int, invite: Invite, token_hash: str) -> Invite:
        values = {
            "tenant_id": tenant_id,
            "email": invite.email,
            "role": invite.role.value,
            "token_hash": token_hash,
            "invited_by": invite.invited_by,
            "created_at": invite.created_at,
            "expires_at": invite.expires_at,
        }
        return invite_of(await self._insert(tenant_id, invites, values))

    async def set_mailed_token(self, tenant_id: int, invite_id: int, token_hash: str) -> None:
        is_it = sa.and_(invites.c.tenant_id == tenant_id, invites.c.id == invite_id)
        await self._of(tenant_id, sa.update(invites).where(is_it).values(mailed_hash=token_hash))

    async def extend_invite(self, tenant_id: int, invite_id: int, expires_at: datetime) -> Invite | None:
        is_it = sa.and_(invites.c.tenant_id == tenant_id, invites.c.id == invite_id, invites.c.closed_at.is_(None))
        change = sa.update(invites).where(is_it).values(expires_at=expires_at).returning(invites)
        row = await self._one(tenant_id, change)
        return None if row is None else invite_of(row)

    async def withdraw_invite(self, tenant_id: int, invite_id: int, at: datetime) -> Invite | None:
        is_it = (invites.c.tenant_id == tenant_id, invites.c.id == invite_id)
        return _only(await self._close_invites(tenant_id, at, *is_it))

    async def close_invites_of(self, tenant_id: int, email: str, at: datetime) -> Sequence[Invite]:
        own = (invites.c.tenant_id == tenant_id, invites.c.email == email)
        return await self._close_invites(tenant_id, at, *own)

    async def close_invites_by(self, tenant_id: int, user_id: int, at: datetime) -> Sequence[Invite]:
        own = (invites.c.tenant_id == tenant_id, invites.c.invited_by == user_id)
        return await self._close_invites(tenant_id, at, *own)

    async def use_invite(self, token_hash: str, at: datetime) -> Invite | None:
        is_it = (has_token(token_hash), invites.c.expires_at > at)
        return _only(await self._close_invites(INVITES, at, *is_it))

    async def add_api_key(self, tenant_id: int, key: NewApiKey) -> ApiKey:
        values = asdict(key) | {"tenant_id": tenant_id, "kind": key.kind.value, "scopes": sorted(key.scopes)}
        return api_key_of(await self._insert(tenant_id, api_keys, values))

    async def set_api_key_origins(self, tenant_id: int, key_id: int, origins: Sequence[str]) -> ApiKey | None:
        return await self._change_key(tenant_id, key_id, {"allowed_origins": list(origins)})

    async def set_signed_user_ids(self, tenant_id: int, key_id: int, since: datetime | None) -> ApiKey | None:
        return await self._change_key(tenant_id, key_id, {"signed_user_ids_since": since})

    async def revoke_api_key(self, tenant_id: int, key_id: int, at: datetime) -> ApiKey | None:
        return await self._change_key(tenant_id, key_id, {"revoked_at": at})

    async def rotate_api_key(
        self, tenant_id: int, key_id: int, key_hash: str, last_four: str, previous_until: datetime
    ) -> ApiKey | None:
        values = {
            "previous_hash": api_keys.c.key_hash,
            "previous_until": previous_until,
            "key_hash": key_hash,
            "last_four": last_four,
        }
        return await self._change_key(tenant_id, key_id, values)

    async def record_api_key_use(self, used_at: Mapping[int, datetime]) -> None:
        ids = sa.bindparam("ids", list(used_at), type_=ARRAY(sa.BigInteger))
        times = sa.bindparam("times", list(used_at.values()), type_=ARRAY(sa.DateTime(timezone=True)))
        # Locked in one order, so that two processes that write at the same time do not deadlock.
        in_order = sa.text("SELECT id FROM auth.api_keys WHERE id = ANY(:ids) ORDER BY id FOR UPDATE")
        await self._of(KEYS, in_order.bindparams(ids))
        change = sa.text(
            "UPDATE auth.api_keys AS k SET last_used_at = greatest(k.last_used_at, u.at) "
            "FROM unnest(:ids, :times) AS u (id, at) WHERE k.id = u.id"
        )
        await self._of(KEYS, change.bindparams(ids, times))

    async def add_refresh_token(
        self, user_id: int, token_hash: str, at: datetime, expires_at: datetime, place: Place = NOWHERE
    ) -> int:
        values = {"user_id": user_id, "created_at": at, "last_used_at": at} | asdict(place)
        family = await self._insert(NO_TENANT, families, values)
        family_id = int(family["id"])
        await self._add_token(family_id, token_hash, at, expires_at)
        return family_id

    async def lock_refresh_token(self, token_hash: str) -> RefreshToken | None:
        query = (
            sa.select(refresh_tokens, families.c.user_id, families.c.ended_at)
            .join(families, families.c.id == refresh_tokens.c.family_id)
            .where(refresh_tokens.c.token_hash == token_hash)
            .with_for_update()
        )
        row = await self._one(NO_TENANT, query)
        return None if row is None else refresh_token_of(row)

    async def use_refresh_token(
        self, token: RefreshToken, successor_hash: str, at: datetime, expires_at: datetime, place: Place = NOWHERE
    ) -> None:
        is_family = families.c.id == token.family_id
        values = {"last_used_at": at} | asdict(place)
        await self._of(NO_TENANT, sa.update(families).where(is_family).values(values))
        is_it = refresh_tokens.c.id == token.id
        await self._of(NO_TENANT, sa.update(refresh_tokens).where(is_it).values(used_at=at))
        await self._add_token(token.family_id, successor_hash, at, expires_at)

    async def end_refresh_family(self, family_id: int, at: datetime) -> None:
        await self._end_families(families.c.id == family_id, at)

    async def end_session(self, user_id: int, session_id: int, at: datetime) -> bool:
        is_it = sa.and_(families.c.id == session_id, families.c.user_id == user_id, families.c.ended_at.is_(None))
        change = sa.update(families).where(is_it).values(ended_at=at).returning(families.c.id)
        return await self._one(NO_TENANT, change) is not None

    async def end_other_sessions(self, user_id: int, session_id: int | None, at: datetime) -> None:
        is_other = sa.true() if session_id is None else families.c.id != session_id
        await self._end_families(sa.and_(families.c.user_id == user_id, is_other), at)

    async def end_all_refresh_families(self, user_id: int, at: datetime) -> None:
        await self._end_families(families.c.user_id == user_id, at)

    async def delete_expired_refresh_tokens(self, now: datetime, limit: int) -> int:
        expired = sa.select(refresh_tokens.c.id).where(refresh_tokens.c.expires_at <= now).limit(limit)
        tokens = sa.delete(refresh_tokens).where(refresh_tokens.c.id.in_(expired)).returning(refresh_tokens.c.family_id)
        deleted = (await self._of(NO_TENANT, tokens)).scalars().all()
        has_tokens = sa.exists().where(refresh_tokens.c.family_id == families.c.id)
        await self._of(NO_TENANT, sa.delete(families).where(families.c.id.in_(set(deleted)), ~has_tokens))
        return len(deleted)

    async def add_mail(self, order: MailOrder, at: datetime) -> None:
        values = {name: value for name, value in asdict(order).items() if name != "id"}
        await self._of(NO_TENANT, sa.insert(mails).values(values | {"kind": order.kind.value, "due_at": at}))

    async def take_mails(self, now: datetime, until: datetime, limit: int) -> Sequence[MailOrder]:
        due = sa.select(mails.c.id).where(mails.c.due_at <= now).order_by(mails.c.due_at, mails.c.id).limit(limit)
        change = (
            sa.update(mails)
            .where(mails.c.id.in_(due.with_for_update(skip_locked=True)))
            .values(due_at=until, attempts=mails.c.attempts + 1)
            .returning(mails)
        )
        return sorted((mail_order_of(row) for row in await self._all(NO_TENANT, change)), key=lambda order: order.id)

    async def postpone_mail(self, mail_id: int, due_at: datetime) -> None:
        await self._of(NO_TENANT, sa.update(mails).where(mails.c.id == mail_id).values(due_at=due_at))

    async def remove_mail(self, mail_id: int) -> None:
        await self._of(NO_TENANT, sa.delete(mails).where(mails.c.id == mail_id))

    async def add_link(self, user_id: int, purpose: LinkPurpose, token_hash: str, expires_at: datetime) -> None:
        values = {"user_id": user_id, "purpose": purpose.value, "token_hash": token_hash, "expires_at": expires_at}
        await self._of(NO_TENANT, sa.insert(links).values(values))

    async def use_link(self, purpose: LinkPurpose, token_hash: str, now: datetime) -> int | None:
        is_it = sa.and_(links.c.token_hash == token_hash, links.c.purpose == purpose.value, links.c.expires_at > now)
        row = await self._one(NO_TENANT, sa.delete(links).where(is_it).returning(links.c.user_id))
        if row is None:
            return None
        await self.delete_links(row["user_id"], purpose)
        return int(row["user_id"])

    async def delete_links(self, user_id: int, purpose: LinkPurpose) -> None:
        which = sa.and_(links.c.user_id == user_id, links.c.purpose == purpose.value)
        await self._of(NO_TENANT, sa.delete(links).where(which))

    async def delete_expired_links(self, now: datetime) -> None:
        await self._of(NO_TENANT, sa.delete(links).where(links.c.expires_at <= now))

    async def lock_signing_keys(self) -> None:
        await self._of(NO_TENANT, sa.text("LOCK TABLE auth.signing_keys IN SHARE ROW EXCLUSIVE MODE"))

    async def add_signing_key(self, key: SigningKey) -> None:
        await self._of(NO_TENANT, sa.insert(signing_keys).values(asdict(key)))

    async def retire_signing_keys(self, kids: Sequence[str], retires_at: datetime) -> None:
        change = sa.update(signing_keys).where(signing_keys.c.kid.in_(kids)).values(retires_at=retires_at)
        await self._of(NO_TENANT, change)

    async def remove_signing_keys(self, retired_by: datetime) -> None:
        is_retired = sa.and_(signing_keys.c.retires_at <= retired_by, signing_keys.c.sealed.is_not(None))
        await self._of(NO_TENANT, sa.update(signing_keys).where(is_retired).values(sealed=None))

    async def record(self, tenant_id: int, act: AuditEvent) -> None:
        entry = chain(tenant_id, await self.audit_head(tenant_id), act)
        values = {name: getattr(entry, name) for name in _AUDIT_COLUMNS} | {"details": dict(entry.details)}
        await self._of(tenant_id, sa.insert(audit_log).values(values))
        head_values = {"audit_number": entry.number, "audit_hash": entry.hash}
        await self._of(tenant_id, sa.update(tenants).where(tenants.c.id == tenant_id).values(head_values))

    async def _add_token(self, family_id: int, token_hash: str, at: datetime, expires_at: datetime) -> None:
        values = {"family_id": family_id, "token_hash": token_hash, "created_at": at, "expires_at": expires_at}
        await self._of(NO_TENANT, sa.insert(refresh_tokens).values(values))

    async def _end_families(self, which: sa.ColumnElement[bool], at: datetime) -> None:
        change = sa.update(families).where(which, families.c.ended_at.is_(None)).values(ended_at=at)
        await self._of(NO_TENANT, change)

    async def _close_invites(self, rows: Rows, at: datetime, *which: sa.ColumnElement[bool]) -> list[Invite]:
        is_open = invites.c.closed_at.is_(None)
        change = sa.update(invites).where(*which, is_open).values(closed_at=at).returning(invites)
        return sorted((invite_of(row) for row in await self._all(rows, change)), key=lambda invite: invite.id)

    async def _change_key(self, tenant_id: int, key_id: int, values: Mapping[str, object]) -> ApiKey | None:
        change = (
            sa.update(api_keys)
            .where(api_keys.c.tenant_id == tenant_id, api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
            .values(values)
            .returning(api_keys)
        )
        row = await self._one(tenant_id, change)
        return None if row is None else api_key_of(row)

    async def _insert(
        self, rows: Rows, table: sa.Table, values: Mapping[str, object], *, taken: type[Exception] | None = None
    ) -> sa.RowMapping:
        """Insert a row and return it. Raises `taken` if a unique value belongs to another row."""
        try:
            result = await self._of(rows, sa.insert(table).values(values).returning(table))
        except IntegrityError as error:
            if taken is None:
                raise
            raise taken from error
        row: sa.RowMapping = result.mappings().one()
        return row


def _only(closed: Sequence[Invite]) -> Invite | None:
    return closed[0] if closed else None


class PostgresStore:
    """Opens transactions on one engine."""

    def __init__(self, *, engine: AsyncEngine) -> None:
        self._engine = engine

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadUnit]:
        async with read_session(self._engine) as session:
            yield PostgresReadUnit(session)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[WriteUnit]:
        async with write_session(self._engine) as session:
            yield PostgresWriteUnit(session)
