"""Invites: a role in a tenant for the owner of an email address who has the token."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from segops_auth.domain.audit_log import Action, AuditEvent
from segops_auth.domain.grants import check_grant
from segops_auth.domain.values import Account, Invite, Member, Tenant
from segops_auth.ports.accounts import EmailTaken
from segops_auth.ports.cache_invalidation import CacheInvalidation
from segops_auth.ports.passwords import Passwords
from segops_auth.ports.store import ReadUnit, Store, WriteUnit
from segops_auth.ports.tenants import AlreadyMember
from segops_auth.service.accounts import email_taken, validate_new_password
from segops_auth.service.attempts import Attempts, Client
from segops_auth.service.authorization import authorize, check_tenant_limit, lock_and_authorize, tenant_not_found
from segops_auth.service.paging import page, position
from segops_auth.service.secrets import Secrets
from segops_auth.service.sessions import Sessions, SessionTokens
from segops_common.core.clock import Clock
from segops_common.core.pagination import Page
from segops_common.core.problems import Conflict, Forbidden, Gone, NotFound
from segops_common.core.rate_limit import Limit, Throttle
from segops_common.security.permissions import ROLE_SCOPES, Role, Scope

LIFETIME: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedInvite:
    """A new member with their first session."""

    account: Account
    tenant: Tenant
    role: Role
    tokens: SessionTokens


class Invites:
    """Creates, withdraws and accepts invites.

    Every method that takes an actor raises NotFound if the actor is not a member of the tenant, and Forbidden if their
    role lacks `members:manage`.
    """

    def __init__(
        self,
        *,
        store: Store,
        passwords: Passwords,
        throttle: Throttle,
        limit_per_address: Limit,
        attempts: Attempts,
        sessions: Sessions,
        secrets: Secrets,
        cache_invalidation: CacheInvalidation,
        clock: Clock,
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._throttle = throttle
        self._limit_per_address = limit_per_address
        self._attempts = attempts
        self._sessions = sessions
        self._secrets = secrets
        self._cache_invalidation = cache_invalidation
        self._clock = clock

    async def create(self, tenant_id: int, actor_id: int, *, email: str, role: Role) -> tuple[Invite, str]:
        """Create an invite and return it with its token. It replaces open invites of the same address in the tenant.

        Raises Forbidden for a role above the actor's own.
        """
        token = self._secrets.new_token()
        now = self._clock.now()
        async with self._store.write() as unit:
            actor = await lock_and_authorize(unit, tenant_id, actor_id, Scope.MEMBERS_MANAGE)
            check_grant(actor, role)
            new = Invite(
                id=0,
                tenant_id=tenant_id,
                email=email,
                role=role,
                invited_by=actor_id,
                created_at=now,
                expires_at=now + LIFETIME,
                open=True,
            )
            await close_invites_of(unit, tenant_id, email, actor_id, now)
            invite = await unit.add_invite(tenant_id, new, self._secrets.hash(token))
            await unit.record(tenant_id, invite_event(invite, actor_id, Action.INVITE_CREATED, now))
        return invite, token

    async def list_open(self, tenant_id: int, actor_id: int, *, limit: int, cursor: str | None) -> Page[Invite]:
        """Return the invites that can still be accepted, by ascending id."""
        after = position(cursor, 0)
        async with self._store.read() as unit:
            await authorize(unit, tenant_id, actor_id, Scope.MEMBERS_MANAGE)
            invites = await unit.open_invites(tenant_id, self._clock.now(), after, limit + 1)
        return page(invites, limit, lambda invite: invite.id)

    async def withdraw(self, tenant_id: int, actor_id: int, invite_id: int) -> None:
        """Close the invite. Raises NotFound if the tenant has no such open invite."""
        now = self._clock.now()
        async with self._store.write() as unit:
            await lock_and_authorize(unit, tenant_id, actor_id, Scope.MEMBERS_MANAGE)
            invite = await unit.withdraw_invite(tenant_id, invite_id, now)
            if invite is None:
                raise NotFound("There is no such open invite.")
            await unit.record(tenant_id, invite_event(invite, actor_id, Action.INVITE_REVOKED, now))

    async def accept(self, *, token: str, email: str, password: str, client: Client) -> AcceptedInvite:
        """Sign in to the account with this email address, or create it, and add it to the tenant.

        Raises NotFound for an unknown token,
        Forbidden (invite-email-mismatch, or inviter-lacks-role if the inviter may no longer give this role), Gone (invite-expired) for an invite that was accepted or withdrawn or has
        expired, Conflict (already-member, tenant-limit or email-taken), and as signing in and signing up do.
        """
        if client.address is not None:
            await self._throttle.consume(self._limit_per_address, client.address)
        token_hash = self._secrets.hash(token)
        async with self._store.read() as unit:
            invite = await unit.invite_by_token(token_hash)
            account = await unit.account_by_email(email)
        invite = self._checked(invite, email)
        if account is None:
            password_hash = await self._passwords.hash(validate_new_password(password, email))
        else:
            account = await self._sessions.check_password(email, password, client)
            password_hash = account.password_hash
        try:
            async with self._store.write() as unit:
                accepted = await self._join(unit, token_hash, invite.tenant_id, account, password_hash)
        except AlreadyMember as error:
            raise Conflict("You are already a member of this tenant.", slug="already-member") from error
        except EmailTaken as error:
            raise email_taken() from error
        await self._attempts.remember(email, client)
        await self._cache_invalidation.user_changed(accepted.account.id)
        return accepted

    def _checked(self, invite: Invite | None, email: str) -> Invite:
        if invite is None:
            raise NotFound("There is no such invite.")
        if invite.email != email:
            raise Forbidden("`email` must be the email address that was invited.", slug="invite-email-mismatch")
        if not invite.open or invite.expires_at <= self._clock.now():
            raise _expired()
        return invite

    async def _join(
        self, unit: WriteUnit, token_hash: str, tenant_id: int, account: Account | None, password_hash: str
    ) -> AcceptedInvite:
        now = self._clock.now()
        await unit.lock_tenant(tenant_id)
        invite = await unit.use_invite(token_hash, now)
        tenant = await unit.tenant(tenant_id)
        if invite is None:
            raise _expired()
        if tenant is None:
            raise tenant_not_found()
        await _check_inviter(unit, invite)
        if account is None:
            account = await unit.add_account(invite.email, password_hash, now)
        await check_tenant_limit(unit, account.id)
        await unit.add_member(tenant.id, account.id, invite.role, now)
        await unit.record(tenant.id, invite_event(invite, account.id, Action.INVITE_ACCEPTED, now))
        await close_invites_of(unit, tenant.id, invite.email, account.id, now)
        tokens = await self._sessions.begin(unit, account.id)
        return AcceptedInvite(account=account, tenant=tenant, role=invite.role, tokens=tokens)


def _expired() -> Gone:
    return Gone("The invite was used, was withdrawn, or has expired. Ask for a new one.", slug="invite-expired")


async def _check_inviter(unit: ReadUnit, invite: Invite) -> None:
    """Raise Forbidden unless the inviter may give the invite's role now: they may have been removed or demoted."""
    role = await unit.role(invite.tenant_id, invite.invited_by)
    if role is None or Scope.MEMBERS_MANAGE not in ROLE_SCOPES[role] or not role.covers(invite.role):
        raise Forbidden(
            "The member who invited you must still be allowed to give this role. Ask the tenant for a new invite.",
            slug="inviter-lacks-role",
        )


async def close_invites_of(unit: WriteUnit, tenant_id: int, email: str, actor_id: int, at: datetime) -> None:
    """Close the open invites of an address. One that was left open could bring a removed member back."""
    for invite in await unit.close_invites_of(tenant_id, email, at):
        await unit.record(tenant_id, invite_event(invite, actor_id, Action.INVITE_REVOKED, at))


async def close_invites_of_removed(
    unit: WriteUnit, tenant_id: int, member: Member, actor_id: int, at: datetime
) -> None:
    """Close the open invites that the removed member got or made."""
    await close_invites_of(unit, tenant_id, member.email, actor_id, at)
    for invite in await unit.close_invites_by(tenant_id, member.user_id, at):
        await unit.record(tenant_id, invite_event(invite, actor_id, Action.INVITE_REVOKED, at))


def invite_event(invite: Invite, actor_id: int, action: Action, at: datetime) -> AuditEvent:
    """Return the event of one invite."""
    details = {"email": invite.email, "role": invite.role.value}
    return AuditEvent(at=at, actor_id=actor_id, action=action, target=f"invite:{invite.id}", details=details)
