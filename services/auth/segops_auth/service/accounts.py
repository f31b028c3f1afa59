"""Accounts: signing up, reading the own account, and changing the password."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from segops_auth.domain.audit_log import Action, AuditEvent
from segops_auth.domain.mail import LinkPurpose
from segops_auth.domain.password import new_password
from segops_auth.domain.registration import Registration
from segops_auth.domain.values import NOWHERE, Account, JoinedTenant, Place, Tenant
from segops_auth.ports.accounts import EmailTaken
from segops_auth.ports.cache_invalidation import CacheInvalidation
from segops_auth.ports.passwords import Passwords
from segops_auth.ports.store import Store
from segops_auth.ports.tenants import SlugTaken
from segops_auth.service.attempts import Attempts, Client
from segops_auth.service.authorization import record_in_every_tenant
from segops_auth.service.mail.queue import MailQueue
from segops_auth.service.sessions import Sessions, SessionTokens
from segops_common.core.clock import Clock
from segops_common.core.problems import Conflict, Fault, Forbidden, Unauthenticated, ValidationFailed
from segops_common.core.rate_limit import Limit, Throttle
from segops_common.security.permissions import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """A new account with its tenant and its first session."""

    account: Account
    tenant: Tenant
    tokens: SessionTokens


class Accounts:
    """Creates, describes and protects accounts."""

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
        self._cache_invalidation = cache_invalidation
        self._clock = clock

    async def sign_up(
        self, *, email: str, password: str, tenant_slug: str, tenant_name: str, client: Client
    ) -> NewAccount:
        """Create an account, a tenant that it owns, and a session.

        Raises ValidationFailed for a weak password, Conflict (email-taken or slug-taken), RateLimited, and Forbidden
        (signup-closed) unless everyone may create an account.
        """
        if self._registration is not Registration.OPEN:
            raise signup_closed(self._registration)
        if client.address is not None:
            await self._throttle.consume(self._limit_per_address, client.address)
        password_hash = await self._passwords.hash(validate_new_password(password, email))
        now = self._clock.now()
        try:
            async with self._store.write() as unit:
                account = await unit.add_account(email, password_hash, now)
                tenant = await unit.add_tenant(tenant_slug, tenant_name, now)
                await unit.add_member(tenant.id, account.id, Role.OWNER, now)
                await unit.record(tenant.id, tenant_created_event(account.id, tenant))
                await self._mails.order_email_verification(unit, email)
                tokens = await self._sessions.begin(unit, account.id, client.place)
        except EmailTaken as error:
            raise email_taken() from error
        except SlugTaken as error:
            raise slug_taken() from error
        await self._attempts.remember(email, client)
        return NewAccount(account=account, tenant=tenant, tokens=tokens)

    async def describe(self, user_id: int) -> tuple[Account, Sequence[JoinedTenant]]:
        """Return the account and its tenants. Raises Unauthenticated (invalid-token) if there is no such account."""
        async with self._store.read() as unit:
            account = await unit.account(user_id)
            if account is None:
                raise Unauthenticated("The access token is not valid.", slug="invalid-token")
            return account, await unit.joined_tenants(user_id)

    async def joined_tenants(self, user_id: int, session_id: int | None) -> Sequence[JoinedTenant] | None:
        """Return the user's tenants. Return None if there is no such user, or if this session of theirs has ended.

        Without a session, only the user must exist.
        """
        async with self._store.read() as unit:
            if session_id is not None and not await unit.session_is_alive(user_id, session_id):
                return None
            return await unit.joined_tenants(user_id) if await unit.account(user_id) is not None else None

    async def change_password(self, user_id: int, *, current: str, new: str, place: Place = NOWHERE) -> SessionTokens:
        """Replace the password, end every session with its access tokens, and return the tokens of a new one.

        Raises ValidationFailed if `current` is wrong or `new` is weak, Conflict (password-changed) if another request was
        first, and RateLimited.
        """
        described, _ = await self.describe(user_id)
        try:
            account = await self._sessions.check_password(described.email, current, Client(signed_in=True))
        except Unauthenticated as error:
            # The access token is valid: a client that gets 401 would refresh it and send the wrong password again.
            raise _wrong_current_password() from error
        password_hash = await self._passwords.hash(validate_new_password(new, account.email, path="new_password"))
        now = self._clock.now()
        event = AuditEvent(at=now, actor_id=user_id, action=Action.PASSWORD_CHANGED, target=f"user:{user_id}")
        async with self._store.write() as unit:
            if not await unit.replace_password(account, password_hash):
                raise password_changed()
            await unit.delete_links(user_id, LinkPurpose.PASSWORD_RESET)
            await unit.end_all_refresh_families(user_id, now)
            await record_in_every_tenant(unit, user_id, event)
            tokens = await self._sessions.begin(unit, user_id, place)
        await self._cache_invalidation.user_changed(user_id)
        return tokens


def validate_new_password(text: str, email: str, *, path: str = "password") -> str:
    """Return the password in the form that is hashed. Raises ValidationFailed for a weak one."""
    try:
        return new_password(text, email)
    except ValueError as error:
        raise ValidationFailed(
            "The password must be stronger: see `errors`.", errors=[Fault(path, "weak-password", str(error))]
        ) from error


def _wrong_current_password() -> ValidationFailed:
    return ValidationFailed(
        "The current password must be right: see `errors`.",
        errors=[Fault("password", "wrong-password", "must be the current password of the account")],
    )


def tenant_created_event(actor_id: int, tenant: Tenant) -> AuditEvent:
    """Return the first event of every audit log."""
    return AuditEvent(
        at=tenant.created_at,
        actor_id=actor_id,
        action=Action.TENANT_CREATED,
        target=f"tenant:{tenant.id}",
        details={"slug": tenant.slug, "is_test": str(tenant.is_test).lower()},
    )


def password_changed() -> Conflict:
    """Return the refusal of the second of two changes of a password."""
    return Conflict(
        "Another request has just changed the password. Sign in with the new password.", slug="password-changed"
    )


def signup_closed(registration: Registration) -> Forbidden:
    """Return the refusal of a new account by an installation that does not admit everyone."""
    if registration is Registration.INVITED:
        detail = "New accounts need an invite here. Ask an admin of a tenant for one, then accept it."
    else:
        detail = "No new accounts can be created here. Ask the operator, or sign in with an existing account."
    return Forbidden(detail, slug="signup-closed")


def email_taken() -> Conflict:
    """Return the refusal of an email address that has an account."""
    return Conflict(
        "An account with this email address already exists. Sign in, or use another address.", slug="email-taken"
    )


def slug_taken() -> Conflict:
    """Return the refusal of a slug that another tenant has."""
    return Conflict("A tenant with this slug already exists. Choose another slug.", slug="slug-taken")
