"""Accounts: signing up, who am I, and the password."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from segops_auth.domain.audit_log import Action, AuditEvent
from segops_auth.domain.password import new_password
from segops_auth.domain.rate_limit import Limit
from segops_auth.domain.values import Account, JoinedTenant, Tenant
from segops_auth.ports.accounts import EmailTaken
from segops_auth.ports.passwords import Passwords
from segops_auth.ports.store import Store
from segops_auth.ports.tenants import SlugTaken
from segops_auth.ports.throttle import Throttle
from segops_auth.service.authorization import record_in_every_tenant
from segops_auth.service.sessions import Sessions, SessionTokens
from segops_common.core.clock import Clock
from segops_common.core.problems import Conflict, Fault, Unauthenticated, ValidationFailed
from segops_common.security.permissions import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """A new account with its first tenant."""

    account: Account
    tenant: Tenant
    tokens: SessionTokens


class Accounts:
    """What people do with their accounts."""

    def __init__(
        self,
        *,
        store: Store,
        passwords: Passwords,
        throttle: Throttle,
        limit_per_address: Limit,
        sessions: Sessions,
        clock: Clock,
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._throttle = throttle
        self._limit_per_address = limit_per_address
        self._sessions = sessions
        self._clock = clock

    async def sign_up(
        self, *, email: str, password: str, tenant_slug: str, tenant_name: str, address: str | None
    ) -> NewAccount:
        """Make an account, its tenant and the first tokens; `address` is the network address that asks, if it counts.

        Raises ValidationFailed for a weak password, Conflict (email-taken, slug-taken), RateLimited.
        """
        if address is not None:
            await self._throttle.consume(self._limit_per_address, address)
        password_hash = await self._passwords.hash(validate_new_password(password, email))
        now = self._clock.now()
        try:
            async with self._store.write() as unit:
                account = await unit.add_account(email, password_hash, now)
                tenant = await unit.add_tenant(tenant_slug, tenant_name, now)
                await unit.add_member(tenant.id, account.id, Role.OWNER, now)
                await unit.record(tenant.id, tenant_created_event(account.id, tenant))
                tokens = await self._sessions.begin(unit, account.id)
        except EmailTaken as error:
            raise Conflict("There is an account with this e-mail address.", slug="email-taken") from error
        except SlugTaken as error:
            raise slug_taken() from error
        return NewAccount(account=account, tenant=tenant, tokens=tokens)

    async def describe(self, user_id: int) -> tuple[Account, Sequence[JoinedTenant]]:
        """The person and their tenants; raises Unauthenticated when the account is gone."""
        async with self._store.read() as unit:
            account = await unit.account(user_id)
            if account is None:
                raise Unauthenticated("The access token is not valid.", slug="invalid-token")
            return account, await unit.joined_tenants(user_id)

    async def joined_tenants(self, user_id: int) -> Sequence[JoinedTenant] | None:
        """The person's tenants; None when there is no such person."""
        async with self._store.read() as unit:
            return await unit.joined_tenants(user_id) if await unit.account(user_id) is not None else None

    async def change_password(self, user_id: int, *, present: str, new: str) -> SessionTokens:
        """Replace the password and end every session; the answer begins a new one.

        Raises Unauthenticated (invalid-credentials) unless `present` is right, RateLimited, ValidationFailed.
        """
        described, _ = await self.describe(user_id)
        account = await self._sessions.check_password(described.email, present, address=None)
        password_hash = await self._passwords.hash(validate_new_password(new, account.email, path="new_password"))
        now = self._clock.now()
        act = AuditEvent(at=now, actor_id=user_id, action=Action.PASSWORD_CHANGED, target=f"user:{user_id}")
        async with self._store.write() as unit:
            if not await unit.replace_password(account, password_hash):
                raise Conflict("The password was changed at the same time.", slug="password-changed")
            await unit.end_all_refresh_families(user_id, now)
            await record_in_every_tenant(unit, user_id, act)
            return await self._sessions.begin(unit, user_id)


def validate_new_password(text: str, email: str, *, path: str = "password") -> str:
    """The password as it will be hashed; raises ValidationFailed for a weak one."""
    try:
        return new_password(text, email)
    except ValueError as error:
        raise ValidationFailed(
            "This password is not taken.", errors=[Fault(path, "weak-password", str(error))]
        ) from error


def tenant_created_event(actor_id: int, tenant: Tenant) -> AuditEvent:
    """The first entry of every tenant's log."""
    return AuditEvent(
        at=tenant.created_at,
        actor_id=actor_id,
        action=Action.TENANT_CREATED,
        target=f"tenant:{tenant.id}",
        details={"slug": tenant.slug, "is_test": str(tenant.is_test).lower()},
    )


def slug_taken() -> Conflict:
    """Another tenant has the slug."""
    return Conflict("There is a tenant with this slug.", slug="slug-taken")
