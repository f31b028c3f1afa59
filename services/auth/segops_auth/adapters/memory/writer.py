"""Writing to the memory store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from segops_auth.adapters.memory.reader import MemoryReadUnit
from segops_auth.adapters.memory.tables import (
    ApiKeyRow,
    FamilyRow,
    InviteRow,
    LinkRow,
    MailRow,
    MemberRow,
    RefreshTokenRow,
    Sequences,
    Tables,
)
from segops_auth.domain.audit_log import FIRST_PREVIOUS_HASH, AuditEvent, ChainHead, chain
from segops_auth.domain.mail import LinkPurpose, MailOrder
from segops_auth.domain.signing_keys import SigningKey
from segops_auth.domain.values import NOWHERE, Account, ApiKey, Invite, NewApiKey, Place, RefreshToken, Tenant
from segops_auth.ports.accounts import EmailTaken
from segops_auth.ports.tenants import AlreadyMember, SlugTaken
from segops_common.security.permissions import Role


class MemoryWriteUnit(MemoryReadUnit):
    """Changes `tables`, which its store publishes when the block ends without an error."""

    def __init__(self, tables: Tables, ids: Sequences) -> None:
        super().__init__(lambda: tables)
        self._changed = tables
        self._ids = ids
        self._locked: set[int] = set()

    async def lock_tenant(self, tenant_id: int) -> bool:
        exists = tenant_id in self._changed.tenants
        if exists:
            self._locked.add(tenant_id)
        return exists

    async def add_account(self, email: str, password_hash: str, at: datetime) -> Account:
        account = Account(id=next(self._ids.accounts), email=email, password_hash=password_hash, created_at=at)
        if await self.account_by_email(email) is not None:
            raise EmailTaken
        self._changed.accounts[account.id] = account
        return account

    async def verify_email(self, user_id: int, at: datetime) -> bool:
        account = self._changed.accounts[user_id]
        if account.email_verified_at is not None:
            return False
        self._changed.accounts[user_id] = replace(account, email_verified_at=at)
        return True

    async def replace_password(self, account: Account, password_hash: str) -> bool:
        current = self._changed.accounts.get(account.id)
        if current is None or current.password_hash != account.password_hash:
            return False
        self._changed.accounts[account.id] = replace(current, password_hash=password_hash)
        return True

    async def add_tenant(self, slug: str, name: str, at: datetime, *, is_test: bool = False) -> Tenant:
        tenant = Tenant(id=next(self._ids.tenants), slug=slug, name=name, is_test=is_test, created_at=at)
        self._check_slug(tenant)
        self._changed.tenants[tenant.id] = tenant
        self._changed.chain_heads[tenant.id] = ChainHead(number=0, hash=FIRST_PREVIOUS_HASH)
        self._locked.add(tenant.id)
        return tenant

    async def set_test_tenant(self, tenant_id: int, test_tenant_id: int) -> None:
        self._changed.tenants[tenant_id] = replace(self._changed.tenants[tenant_id], test_tenant_id=test_tenant_id)

    async def change_tenant(self, tenant_id: int, slug: str, name: str, *, joins_unsigned_ids: bool = True) -> Tenant:
        before = self._changed.tenants[tenant_id]
        tenant = replace(before, slug=slug, name=name, joins_unsigned_ids=joins_unsigned_ids)
        self._check_slug(tenant)
        self._changed.tenants[tenant_id] = tenant
        return tenant

    async def add_member(self, tenant_id: int, user_id: int, role: Role, at: datetime) -> None:
        if (tenant_id, user_id) in self._changed.members:
            raise AlreadyMember
        self._changed.members[tenant_id, user_id] = MemberRow(role=role, joined_at=at)

    async def set_role(self, tenant_id: int, user_id: int, role: Role) -> None:
        row = self._changed.members.get((tenant_id, user_id))
        if row is not None:
            self._changed.members[tenant_id, user_id] = replace(row, role=role)

    async def remove_member(self, tenant_id: int, user_id: int) -> None:
        self._changed.members.pop((tenant_id, user_id), None)

    async def add_invite(self, tenant_id: int, invite: Invite, token_hash: str) -> Invite:
        stored = replace(invite, id=next(self._ids.invites), tenant_id=tenant_id, open=True)
        self._changed.invites[stored.id] = InviteRow(invite=stored, token_hash=token_hash)
        return stored

    async def set_mailed_token(self, tenant_id: int, invite_id: int, token_hash: str) -> None:
        row = self._changed.invites.get(invite_id)
        if row is not None and row.invite.tenant_id == tenant_id:
            self._changed.invites[invite_id] = replace(row, mailed_hash=token_hash)

    async def extend_invite(self, tenant_id: int, invite_id: int, expires_at: datetime) -> Invite | None:
        row = self._changed.invites.get(invite_id)
        if row is None or row.invite.tenant_id != tenant_id or not row.invite.open:
            return None
        invite = replace(row.invite, expires_at=expires_at)
        self._changed.invites[invite_id] = replace(row, invite=invite)
        return invite

    async def withdraw_invite(self, tenant_id: int, invite_id: int, at: datetime) -> Invite | None:  # noqa: ARG002
        row = self._changed.invites.get(invite_id)
        if row is None or row.invite.tenant_id != tenant_id or not row.invite.open:
            return None
        return self._close_invite(row)

    async def close_invites_of(self, tenant_id: int, email: str, at: datetime) -> Sequence[Invite]:  # noqa: ARG002
        return self._close_invites(tenant_id, lambda invite: invite.email == email)

    async def close_invites_by(self, tenant_id: int, user_id: int, at: datetime) -> Sequence[Invite]:  # noqa: ARG002
        return self._close_invites(tenant_id, lambda invite: invite.invited_by == user_id)

    async def use_invite(self, token_hash: str, at: datetime) -> Invite | None:
        rows = self._changed.invites.values()
        row = next((row for row in rows if token_hash in (row.token_hash, row.mailed_hash)), None)
        if row is None or not row.invite.open or row.invite.expires_at <= at:
            return None
        return self._close_invite(row)

    async def add_api_key(self, tenant_id: int, key: NewApiKey) -> ApiKey:
        stored = ApiKey(
            id=next(self._ids.api_keys),
            tenant_id=tenant_id,
            name=key.name,
            kind=key.kind,
            is_test=key.is_test,
            scopes=key.scopes,
            allowed_origins=key.allowed_origins,
            last_four=key.last_four,
            created_by=key.created_by,
            created_at=key.created_at,
            last_used_at=None,
            previous_secret_until=None,
            signed_user_ids_since=key.signed_user_ids_since,
        )
        self._changed.api_keys[stored.id] = ApiKeyRow(key=stored, key_hash=key.key_hash)
        return stored

    async def set_api_key_origins(self, tenant_id: int, key_id: int, origins: Sequence[str]) -> ApiKey | None:
        return self._change_key(tenant_id, key_id, {"allowed_origins": tuple(origins)})

    async def set_signed_user_ids(self, tenant_id: int, key_id: int, since: datetime | None) -> ApiKey | None:
        return self._change_key(tenant_id, key_id, {"signed_user_ids_since": since})

    async def revoke_api_key(self, tenant_id: int, key_id: int, at: datetime) -> ApiKey | None:
        return self._change_key(tenant_id, key_id, {}, revoked_at=at)

    async def rotate_api_key(
        self, tenant_id: int, key_id: int, key_hash: str, last_four: str, previous_until: datetime
    ) -> ApiKey | None:
        row = self._changed.api_keys.get(key_id)
        if row is None:
            return None
        values = {"last_four": last_four, "previous_secret_until": previous_until}
        return self._change_key(tenant_id, key_id, values, key_hash=key_hash, previous_hash=row.key_hash)

    async def record_api_key_use(self, used_at: Mapping[int, datetime]) -> None:
        for key_id, at in used_at.items():
            row = self._changed.api_keys.get(key_id)
            if row is not None:
                latest = at if row.key.last_used_at is None else max(at, row.key.last_used_at)
                self._changed.api_keys[key_id] = replace(row, key=replace(row.key, last_used_at=latest))

    async def add_refresh_token(
        self, user_id: int, token_hash: str, at: datetime, expires_at: datetime, place: Place = NOWHERE
    ) -> int:
        family_id = next(self._ids.families)
        self._changed.families[family_id] = FamilyRow(user_id=user_id, created_at=at, last_used_at=at, place=place)
        self._add_token(family_id, token_hash, expires_at)
        return family_id

    async def lock_refresh_token(self, token_hash: str) -> RefreshToken | None:
        for token_id, row in self._changed.refresh_tokens.items():
            if row.token_hash == token_hash:
                family = self._changed.families[row.family_id]
                return RefreshToken(
                    id=token_id,
                    family_id=row.family_id,
                    user_id=family.user_id,
                    expires_at=row.expires_at,
                    used_at=row.used_at,
                    family_is_alive=family.ended_at is None,
                )
        return None

    async def use_refresh_token(
        self, token: RefreshToken, successor_hash: str, at: datetime, expires_at: datetime, place: Place = NOWHERE
    ) -> None:
        family = self._changed.families[token.family_id]
        self._changed.families[token.family_id] = replace(family, last_used_at=at, place=place)
        self._changed.refresh_tokens[token.id] = replace(self._changed.refresh_tokens[token.id], used_at=at)
        self._add_token(token.family_id, successor_hash, expires_at)

    async def end_refresh_family(self, family_id: int, at: datetime) -> None:
        self._end_families([family_id], at)

    async def end_session(self, user_id: int, session_id: int, at: datetime) -> bool:
        if not await self.session_is_alive(user_id, session_id):
            return False
        self._end_families([session_id], at)
        return True

    async def end_other_sessions(self, user_id: int, session_id: int | None, at: datetime) -> None:
        families = self._changed.families
        self._end_families([id_ for id_, row in families.items() if row.user_id == user_id and id_ != session_id], at)

    async def end_all_refresh_families(self, user_id: int, at: datetime) -> None:
        self._end_families([id_ for id_, row in self._changed.families.items() if row.user_id == user_id], at)

    async def delete_expired_refresh_tokens(self, now: datetime, limit: int) -> int:
        tokens = self._changed.refresh_tokens
        expired = [id_ for id_, row in tokens.items() if row.expires_at <= now][:limit]
        families = {tokens.pop(token_id).family_id for token_id in expired}
        for family_id in families - {row.family_id for row in tokens.values()}:
            del self._changed.families[family_id]
        return len(expired)

    async def add_mail(self, order: MailOrder, at: datetime) -> None:
        stored = replace(order, id=next(self._ids.mails))
        self._changed.mails[stored.id] = MailRow(order=stored, due_at=at)

    async def take_mails(self, now: datetime, until: datetime, limit: int) -> Sequence[MailOrder]:
        due = sorted((row.due_at, id_) for id_, row in self._changed.mails.items() if row.due_at <= now)
        orders = []
        for _, mail_id in due[:limit]:
            order = self._changed.mails[mail_id].order
            orders.append(replace(order, attempts=order.attempts + 1))
            self._changed.mails[mail_id] = MailRow(order=orders[-1], due_at=until)
        return orders

    async def postpone_mail(self, mail_id: int, due_at: datetime) -> None:
        if mail_id in self._changed.mails:
            self._changed.mails[mail_id] = replace(self._changed.mails[mail_id], due_at=due_at)

    async def remove_mail(self, mail_id: int) -> None:
        self._changed.mails.pop(mail_id, None)

    async def add_link(self, user_id: int, purpose: LinkPurpose, token_hash: str, expires_at: datetime) -> None:
        row = LinkRow(user_id=user_id, purpose=purpose, token_hash=token_hash, expires_at=expires_at)
        self._changed.links[token_hash] = row

    async def use_link(self, purpose: LinkPurpose, token_hash: str, now: datetime) -> int | None:
        account = await self.link_owner(purpose, token_hash, now)
        if account is None:
            return None
        await self.delete_links(account.id, purpose)
        return account.id

    async def delete_links(self, user_id: int, purpose: LinkPurpose) -> None:
        for row in list(self._changed.links.values()):
            if (row.user_id, row.purpose) == (user_id, purpose):
                del self._changed.links[row.token_hash]

    async def delete_expired_links(self, now: datetime) -> None:
        for row in list(self._changed.links.values()):
            if row.expires_at <= now:
                del self._changed.links[row.token_hash]

    async def lock_signing_keys(self) -> None:
        """Do nothing: the store runs one writing transaction at a time."""

    async def add_signing_key(self, key: SigningKey) -> None:
        self._changed.signing_keys[key.kid] = key

    async def retire_signing_keys(self, kids: Sequence[str], retires_at: datetime) -> None:
        for kid in kids:
            self._changed.signing_keys[kid] = replace(self._changed.signing_keys[kid], retires_at=retires_at)

    async def remove_signing_keys(self, retired_by: datetime) -> None:
        for key in list(self._changed.signing_keys.values()):
            if key.retires_at is not None and key.retires_at <= retired_by:
                del self._changed.signing_keys[key.kid]
                self._changed.removed_signing_keys[key.kid] = None

    async def record(self, tenant_id: int, event: AuditEvent) -> None:
        assert tenant_id in self._locked, "lock the tenant before you record an event"
        entry = chain(tenant_id, self._changed.chain_heads[tenant_id], event)
        self._changed.audit_log[tenant_id, entry.number] = entry
        self._changed.chain_heads[tenant_id] = ChainHead(number=entry.number, hash=entry.hash)

    def _check_slug(self, tenant: Tenant) -> None:
        if any(other.slug == tenant.slug and other.id != tenant.id for other in self._changed.tenants.values()):
            raise SlugTaken

    def _close_invites(self, tenant_id: int, matches: Callable[[Invite], bool]) -> list[Invite]:
        rows = [row for row in self._changed.invites.values() if row.invite.tenant_id == tenant_id and row.invite.open]
        return [self._close_invite(row) for row in rows if matches(row.invite)]

    def _close_invite(self, row: InviteRow) -> Invite:
        invite = replace(row.invite, open=False)
        self._changed.invites[invite.id] = replace(row, invite=invite)
        return invite

    def _change_key(self, tenant_id: int, key_id: int, values: Mapping[str, Any], **more: Any) -> ApiKey | None:
        row = self._changed.api_keys.get(key_id)
        if row is None or row.key.tenant_id != tenant_id or row.revoked_at is not None:
            return None
        key = replace(row.key, **values)
        self._changed.api_keys[key_id] = replace(row, key=key, **more)
        return key

    def _add_token(self, family_id: int, token_hash: str, expires_at: datetime) -> None:
        token_id = next(self._ids.refresh_tokens)
        self._changed.refresh_tokens[token_id] = RefreshTokenRow(
            family_id=family_id, token_hash=token_hash, expires_at=expires_at
        )

    def _end_families(self, family_ids: Sequence[int], at: datetime) -> None:
        for family_id in family_ids:
            row = self._changed.families[family_id]
            self._changed.families[family_id] = replace(row, ended_at=row.ended_at or at)
