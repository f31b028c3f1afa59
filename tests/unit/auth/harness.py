"""The use cases of auth on memory adapters."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from segops_auth.adapters.memory.access_tokens import MemoryAccessTokens
from segops_auth.adapters.memory.cache_invalidation import MemoryCacheInvalidation
from segops_auth.adapters.memory.known_addresses import MemoryKnownAddresses
from segops_auth.adapters.memory.mail import MemoryMail
from segops_auth.adapters.memory.passwords import MemoryPasswords
from segops_auth.adapters.memory.store import MemoryStore
from segops_auth.domain.registration import Registration
from segops_auth.domain.values import Account, AuditEntry, Tenant
from segops_auth.service import AttemptLimits, Auth, Collaborators, make_auth
from segops_auth.service.attempts import Client, LoginLimits
from segops_auth.service.last_use import LastUseBuffer
from segops_auth.service.mail.messages import Messages
from segops_auth.service.mail.sender import MailSender
from segops_auth.service.secrets import Secrets
from segops_auth.service.sessions import SessionTokens
from segops_common.core.ids import SystemIds
from segops_common.core.problems import Problem
from segops_common.core.rate_limit import Limit, MemoryThrottle
from segops_common.security.permissions import Role
from segops_testkit.clock import ManualClock

START = datetime(2026, 1, 31, 9, tzinfo=UTC)
PASSWORD = "correct-horse-battery"
NEW_PASSWORD = "a-staple-is-better-than-nothing"
PEPPER = "pepper-of-the-unit-tests-0123456789"
PER_EMAIL = 3
PER_ADDRESS = 5
INVITE_MAILS = 50
ADDRESS = "198.51.100.7"


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryAuth:
    """The use cases and what they run on."""

    auth: Auth
    store: MemoryStore
    passwords: MemoryPasswords
    tokens: MemoryAccessTokens
    cache_invalidation: MemoryCacheInvalidation
    last_use: LastUseBuffer
    secrets: Secrets
    clock: ManualClock
    mail: MemoryMail
    sender: MailSender

    async def mailed_token(self, email: str) -> str:
        """Send what is due and return the token of the newest mail to this address."""
        await self.sender.send_due()
        text = next(mail.text for mail in reversed(self.mail.sent) if mail.recipient == email)
        return text.partition("?token=")[2].split()[0]

    async def sign_up(self, name: str = "ada") -> User:
        """Add an account that owns a tenant."""
        made = await self.auth.accounts.sign_up(
            email=f"{name}@example.com", password=PASSWORD, tenant_slug=name, tenant_name=name.title(), client=Client()
        )
        return User(made.account, made.tenant, made.tokens)

    async def join(self, host: User, role: Role, name: str | None = None) -> User:
        """Add an account that is a member of the host's tenant only."""
        email = f"{name or role.value}@example.com"
        _, token = await self.auth.invites.create(host.tenant.id, host.id, email=email, role=role)
        accepted = await self.auth.invites.accept(token=token, email=email, password=PASSWORD, client=Client())
        self.cache_invalidation.messages.clear()
        return User(accepted.account, accepted.tenant, accepted.tokens)

    async def member_of(self, host: User, role: Role) -> User:
        """Return the host for the owner's role, else a new member with that role."""
        return host if role is Role.OWNER else await self.join(host, role)

    async def role(self, tenant: Tenant, user: User) -> Role | None:
        """Return the user's stored role."""
        async with self.store.read() as unit:
            return await unit.role(tenant.id, user.id)

    async def audit_log(self, tenant: Tenant) -> list[AuditEntry]:
        """Return the tenant's audit log, oldest first."""
        async with self.store.read() as unit:
            return list(await unit.audit_log(tenant.id, 2**62, 1000))[::-1]

    async def actions(self, tenant: Tenant) -> list[str]:
        """Return the actions in the tenant's audit log, oldest first."""
        return [entry.action for entry in await self.audit_log(tenant)]


@dataclass(frozen=True, slots=True)
class User:
    """An account, a tenant that it is a member of, and its first session."""

    account: Account
    tenant: Tenant
    tokens: SessionTokens

    @property
    def id(self) -> int:
        return self.account.id

    @property
    def email(self) -> str:
        return self.account.email


def memory_auth(registration: Registration = Registration.OPEN, *, sends_mail: bool = True) -> MemoryAuth:
    """Return the use cases with an empty store."""
    clock = ManualClock(START)
    ids = SystemIds(clock)
    store, passwords = MemoryStore(), MemoryPasswords()
    cache_invalidation = MemoryCacheInvalidation()
    secrets = Secrets(pepper=PEPPER, ids=ids)
    tokens = MemoryAccessTokens(clock=clock, ids=ids, lifetime_s=900)
    last_use = LastUseBuffer(store=store)
    mail = MemoryMail()
    collaborators = Collaborators(
        store=store,
        passwords=passwords,
        throttle=MemoryThrottle(clock=clock),
        known_addresses=MemoryKnownAddresses(clock=clock),
        access_tokens=tokens,
        cache_invalidation=cache_invalidation,
        secrets=secrets,
        last_use=last_use,
        clock=clock,
    )
    limits = AttemptLimits(
        login=LoginLimits(
            per_email=Limit(name="login-email", quota=PER_EMAIL, period_s=900),
            per_known=Limit(name="login-known", quota=PER_EMAIL, period_s=900),
            per_address=Limit(name="login-address", quota=PER_ADDRESS, period_s=60),
        ),
        sign_up_per_address=Limit(name="signup-address", quota=PER_ADDRESS, period_s=60),
        invite_per_address=Limit(name="invite-address", quota=PER_ADDRESS, period_s=60),
        client_session_per_address=Limit(name="session-address", quota=PER_ADDRESS, period_s=60),
        slug_check_per_address=Limit(name="slug-address", quota=PER_ADDRESS, period_s=60),
        recovery_per_address=Limit(name="recovery-address", quota=PER_ADDRESS, period_s=60),
        recovery_per_email=Limit(name="recovery-email", quota=PER_EMAIL, period_s=900),
        invite_mails_per_tenant=Limit(name="invite-mails", quota=INVITE_MAILS, period_s=3600),
    )
    return MemoryAuth(
        auth=make_auth(collaborators, limits, registration=registration, sends_mail=sends_mail),
        store=store,
        passwords=passwords,
        tokens=tokens,
        cache_invalidation=cache_invalidation,
        last_use=last_use,
        secrets=secrets,
        clock=clock,
        mail=mail,
        sender=MailSender(
            store=store,
            transport=mail,
            messages=Messages(public_url="https://segops.example.com/"),
            secrets=secrets,
            clock=clock,
        ),
    )


async def slug_of(call: Awaitable[object]) -> str:
    """Return the slug of the problem that the call raises."""
    with pytest.raises(Problem) as refusal:
        await call
    return refusal.value.slug
