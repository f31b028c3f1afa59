"""Invites: a role in a tenant for the owner of an email address who has the token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from segops_auth.domain.audit_log import Action, AuditEvent
from segops_auth.domain.grants import check_grant
from segops_auth.domain.registration import Registration
from segops_auth.domain.values import Account, Invite, Member, Tenant
from segops_auth.ports.accounts import EmailTaken
from segops_auth.ports.cache_invalidation import CacheInvalidation
from segops_auth.ports.passwords import Passwords
from segops_auth.ports.store import ReadUnit, Store, WriteUnit
from segops_auth.ports.tenants import AlreadyMember
from segops_auth.service.accounts import email_taken, signup_closed, validate_new_password
from segops_auth.service.attempts import Attempts, Client
from segops_auth.service.authorization import authorize, check_tenant_limit, lock_and_authorize, tenant_not_found
from segops_auth.service.mail.queue import MailQueue
from segops_auth.service.secrets import Secrets
from segops_auth.service.sessions import Sessions, SessionTokens
from segops_common.core.clock import Clock
from segops_common.core.pagination import Page, PageQuery, id_position, page_of
from segops_common.core.problems import Conflict, Forbidden, Gone, NotFound
from segops_common.core.rate_limit import Limit, Throttle
from segops_common.security.permissions import ROLE_SCOPES, Role, Scope

LIFETIME: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class _NewMember:
    account: Account
    tenant: Tenant
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingInvite:
    """An invite that can be accepted, with its tenant."""

    invite: Invite
    tenant: Tenant


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedInvite(_NewMember):
    """A new member with their first session."""

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
        registration: Registration,
        attempts: Attempts,
        sessions: Sessions,
        mails: MailQueue,
        mails_per_tenant: Limit,
        secrets: Secrets,
        cache_invalidation: CacheInvalidation,
        clock: Clock,
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._throttle = throttle
        self._limit_per_address = limit_per_address
        self._registration = registration
        self._attempts = attempts
        self._sessions = sessions
        self._mails = mails
        self._mails_per_tenant = mails_per_tenant
        self._secrets = secrets
        self._cache_invalidation = cache_invalidation
        self._clock = clock

    async def create(self, tenant_id: int, actor_id: int, *, email: str, role: Role) -> tuple[Invite, str]:
        """Create an invite and return it with its token. It replaces open invites of the same address in the tenant.

        A mail with a token of its own is ordered, if the installation sends mail. Raises Forbidden for a role above the
        actor's own, and RateLimited for too many mails.
        """
        token = self._secrets.new_token()
        now = self._clock.now()
        async with self._store.write() as unit:
            actor = await lock_and_authorize(unit, tenant_id, actor_id, Scope.MEMBERS_MANAGE)
            check_grant(actor, role)
            await self._count_mail(tenant_id)
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
            await self._mails.order_invite(unit, invite)
        return invite, token

    async def resend(self, tenant_id: int, actor_id: int, invite_id: int) -> Invite:
        """Order another mail for an open invite and let it expire 7 days from now.

        The token that was returned at its creation keeps working. The tokens of earlier mails do not. Raises NotFound if the
        tenant has no such open invite, Forbidden for a role above the actor's own, RateLimited for too many mails, and
        Conflict (mail-not-configured).
        """
        now = self._clock.now()
        async with self._store.write() as unit:
            actor = await lock_and_authorize(unit, tenant_id, actor_id, Scope.MEMBERS_MANAGE)
            invite = await unit.extend_invite(tenant_id, invite_id, now + LIFETIME)
            if invite is None:
                raise NotFound("There is no such open invite.")
            check_grant(actor, invite.role)
            self._mails.check_configured()
            await self._count_mail(tenant_id)
            await self._mails.order_invite(unit, invite)
            await unit.record(tenant_id, invite_event(invite, actor_id, Action.INVITE_RESENT, now))
        return invite

    async def inviters(self, invites: Sequence[Invite]) -> Mapping[int, str]:
        """Return the email address of each member who made one of the invites, by their id."""
        async with self._store.read() as unit:
            accounts = [await unit.account(user_id) for user_id in {invite.invited_by for invite in invites}]
        return {account.id: account.email for account in accounts if account is not None}

    async def list_open(self, tenant_id: int, actor_id: int, query: PageQuery) -> Page[Invite]:
        """Return the invites that can still be accepted, by ascending id."""
        after, now = id_position(query, start=0), self._clock.now()
        async with self._store.read() as unit:
            await authorize(unit, tenant_id, actor_id, Scope.MEMBERS_MANAGE)
            count = await unit.open_invite_count(tenant_id, now)
            invites = await unit.open_invites(tenant_id, now, after, query.limit + 1, offset=query.offset)
        return page_of(invites, query, lambda invite: invite.id, count=count)

    async def withdraw(self, tenant_id: int, actor_id: int, invite_id: int) -> None:
        """Close the invite. Raises NotFound if the tenant has no such open invite."""
        now = self._clock.now()
        async with self._store.write() as unit:
            await lock_and_authorize(unit, tenant_id, actor_id, Scope.MEMBERS_MANAGE)
            invite = await unit.withdraw_invite(tenant_id, invite_id, now)
            if invite is None:
                raise NotFound("There is no such open invite.")
            await unit.record(tenant_id, invite_event(invite, actor_id, Action.INVITE_REVOKED, now))

    async def find_pending(self, token: str, address: str | None) -> PendingInvite:
        """Return the invite of a token, which stays usable. Counts as an attempt of the address to accept one.

        Raises NotFound for an unknown token, Gone (invite-expired) for an invite that cannot be accepted any more, and
        RateLimited.
        """
        if address is not None:
            await self._throttle.consume(self._limit_per_address, address)
        async with self._store.read() as unit:
            invite = self._pending(await unit.invite_by_token(self._secrets.hash(token)))
            tenant = await unit.tenant(invite.tenant_id)
        if tenant is None:
            raise _expired()
        return PendingInvite(invite=invite, tenant=tenant)

    async def accept(self, *, token: str, email: str, password: str, client: Client) -> AcceptedInvite:
        """Sign in to the account with this email address, or create it, and add it to the tenant.

        Raises NotFound for an unknown token,
        Forbidden (invite-email-mismatch, or inviter-lacks-role if the inviter may no longer give this role), Gone (invite-expired) for an invite that was accepted or withdrawn or has
        expired, Forbidden (signup-closed) if an account would have to be created and none may be, Conflict
        (already-member, tenant-limit or email-taken), and as signing in and signing up do.
        """
        if client.address is not None:
            await self._throttle.consume(self._limit_per_address, client.address)
        token_hash = self._secrets.hash(token)
        async with self._store.read() as unit:
            invite = await unit.invite_by_token(token_hash)
            account = await unit.account_by_email(email)
        invite = self._checked(invite, email)
        if account is None and self._registration is Registration.CLOSED:
            raise signup_closed(self._registration)
        if account is None:
            password_hash = await self._passwords.hash(validate_new_password(password, email))
        else:
            account = await self._sessions.check_password(email, password, client)
            password_hash = account.password_hash
        try:
            async with self._store.write() as unit:
                accepted = await self._join(unit, token_hash, invite.tenant_id, account, password_hash)
                tokens = await self._sessions.begin(unit, accepted.account.id, client.place)
        except AlreadyMember as error:
            raise Conflict("You are already a member of this tenant.", slug="already-member") from error
        except EmailTaken as error:
            raise email_taken() from error
        await self._attempts.remember(email, client)
        await self._cache_invalidation.user_changed(accepted.account.id)
        return AcceptedInvite(account=accepted.account, tenant=accepted.tenant, role=accepted.role, tokens=tokens)

    async def _count_mail(self, tenant_id: int) -> None:
        if self._mails.is_configured:
            await self._throttle.consume(self._mails_per_tenant, str(tenant_id))

    def _checked(self, invite: Invite | None, email: str) -> Invite:
        if invite is not None and invite.email != email:
            raise Forbidden("`email` must be the email address that was invited.", slug="invite-email-mismatch")
        return self._pending(invite)

    def _pending(self, invite: Invite | None) -> Invite:
        if invite is None:
            raise NotFound("There is no such invite.")
        if not invite.open or invite.expires_at <= self._clock.now():
            raise _expired()
        return invite

    async def _join(
        self, unit: WriteUnit, token_hash: str, tenant_id: int, account: Account | None, password_hash: str
    ) -> _NewMember:
        now = self._clock.now()
        was_mailed = await unit.is_mailed_token(token_hash)
        # Before the tenant is locked: other changes lock an account before its tenants.
        is_confirmed = was_mailed and account is not None and await unit.verify_email(account.id, now)
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
            is_confirmed = was_mailed and await unit.verify_email(account.id, now)
        await check_tenant_limit(unit, account.id)
        await unit.add_member(tenant.id, account.id, invite.role, now)
        await unit.record(tenant.id, invite_event(invite, account.id, Action.INVITE_ACCEPTED, now))
        await close_invites_of(unit, tenant.id, invite.email, account.id, now)
        if is_confirmed:
            event = AuditEvent(at=now, actor_id=account.id, action=Action.EMAIL_VERIFIED, target=f"user:{account.id}")
            await unit.record(tenant.id, event)
        elif not was_mailed and account.email_verified_at is None:
            # The token that the inviter sees proves nothing about the address.
            await self._mails.order_email_verification(unit, account.email)
        return _NewMember(account=account, tenant=tenant, role=invite.role)


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
