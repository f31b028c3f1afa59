"""The use cases of auth."""

from __future__ import annotations

from dataclasses import dataclass

from segops_auth.domain.registration import Registration
from segops_auth.ports.access_tokens import AccessTokens
from segops_auth.ports.cache_invalidation import CacheInvalidation
from segops_auth.ports.known_addresses import KnownAddresses
from segops_auth.ports.passwords import Passwords
from segops_auth.ports.store import Store
from segops_auth.service.accounts import Accounts
from segops_auth.service.api_keys import ApiKeys
from segops_auth.service.attempts import Attempts, LoginLimits
from segops_auth.service.client_sessions import ClientSessions
from segops_auth.service.invites import Invites
from segops_auth.service.last_use import LastUseBuffer
from segops_auth.service.mail.queue import MailQueue
from segops_auth.service.mail.recovery import Recovery
from segops_auth.service.secrets import Secrets
from segops_auth.service.sessions import Sessions
from segops_auth.service.tenants import Tenants
from segops_common.core.clock import Clock
from segops_common.core.rate_limit import Limit, Throttle


@dataclass(frozen=True, slots=True, kw_only=True)
class Collaborators:
    """What the use cases run on: adapters of the ports, and what they share."""

    store: Store
    passwords: Passwords
    throttle: Throttle
    known_addresses: KnownAddresses
    access_tokens: AccessTokens
    cache_invalidation: CacheInvalidation
    secrets: Secrets
    last_use: LastUseBuffer
    clock: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptLimits:
    """How often a password may be tried, and how many accounts, invites and client sessions one address may try."""

    login: LoginLimits
    sign_up_per_address: Limit
    invite_per_address: Limit
    client_session_per_address: Limit
    slug_check_per_address: Limit
    recovery_per_address: Limit
    recovery_per_email: Limit
    invite_mails_per_tenant: Limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """Every use case that routes call."""

    accounts: Accounts
    sessions: Sessions
    attempts: Attempts
    tenants: Tenants
    invites: Invites
    api_keys: ApiKeys
    client_sessions: ClientSessions
    recovery: Recovery
    mails: MailQueue


def make_auth(
    on: Collaborators,
    limits: AttemptLimits,
    *,
    registration: Registration = Registration.OPEN,
    sends_mail: bool = False,
) -> Auth:
    """Return the use cases."""
    mails = MailQueue(is_configured=sends_mail, clock=on.clock)
    attempts = Attempts(
        throttle=on.throttle,
        limits=limits.login,
        known_addresses=on.known_addresses,
        secrets=on.secrets,
        clock=on.clock,
    )
    sessions = Sessions(
        store=on.store,
        passwords=on.passwords,
        attempts=attempts,
        access_tokens=on.access_tokens,
        cache_invalidation=on.cache_invalidation,
        secrets=on.secrets,
        clock=on.clock,
    )
    accounts = Accounts(
        store=on.store,
        passwords=on.passwords,
        throttle=on.throttle,
        limit_per_address=limits.sign_up_per_address,
        registration=registration,
        attempts=attempts,
        sessions=sessions,
        mails=mails,
        cache_invalidation=on.cache_invalidation,
        clock=on.clock,
    )
    invites = Invites(
        store=on.store,
        passwords=on.passwords,
        throttle=on.throttle,
        limit_per_address=limits.invite_per_address,
        mails_per_tenant=limits.invite_mails_per_tenant,
        registration=registration,
        attempts=attempts,
        sessions=sessions,
        mails=mails,
        secrets=on.secrets,
        cache_invalidation=on.cache_invalidation,
        clock=on.clock,
    )
    api_keys = ApiKeys(
        store=on.store,
        secrets=on.secrets,
        cache_invalidation=on.cache_invalidation,
        last_use=on.last_use,
        clock=on.clock,
    )
    client_sessions = ClientSessions(
        api_keys=api_keys,
        access_tokens=on.access_tokens,
        secrets=on.secrets,
        throttle=on.throttle,
        limit_per_address=limits.client_session_per_address,
        clock=on.clock,
    )
    recovery = Recovery(
        store=on.store,
        passwords=on.passwords,
        throttle=on.throttle,
        limit_per_address=limits.recovery_per_address,
        limit_per_email=limits.recovery_per_email,
        queue=mails,
        secrets=on.secrets,
        cache_invalidation=on.cache_invalidation,
        clock=on.clock,
    )
    tenants = Tenants(
        store=on.store,
        throttle=on.throttle,
        slug_checks_per_address=limits.slug_check_per_address,
        cache_invalidation=on.cache_invalidation,
        clock=on.clock,
    )
    return Auth(
        accounts=accounts,
        sessions=sessions,
        attempts=attempts,
        tenants=tenants,
        invites=invites,
        api_keys=api_keys,
        client_sessions=client_sessions,
        recovery=recovery,
        mails=mails,
    )
