"""Accounts, tenants, members, invites, API keys, refresh tokens and audit entries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from segops_common.security.permissions import KeyKind, Role, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user who can sign in."""

    id: int
    email: str
    password_hash: str
    created_at: datetime
    email_verified_at: datetime | None = None
    """When the owner proved that they read mails to the address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """An organisation. No data is shared between tenants."""

    id: int
    slug: str
    name: str
    is_test: bool
    """Whether the tenant holds test data only. Never changes; the prefix of its keys shows it."""
    created_at: datetime
    test_tenant_id: int | None = None
    """The test tenant that gets the test events of this one."""
    joins_unsigned_ids: bool = True
    """Whether events of publishable keys join ids that nobody signed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinedTenant:
    """A tenant and the role that a user has in it."""

    tenant: Tenant
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A user with their role in a tenant."""

    user_id: int
    email: str
    role: Role
    joined_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Invite:
    """A role in a tenant, offered to an email address."""

    id: int
    tenant_id: int
    email: str
    role: Role
    invited_by: int
    created_at: datetime
    expires_at: datetime
    open: bool
    """Neither accepted nor withdrawn. It may have expired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """The credential of a program, without its secret."""

    id: int
    tenant_id: int
    name: str
    kind: KeyKind
    is_test: bool
    scopes: frozenset[Scope]
    allowed_origins: tuple[str, ...]
    """Origins of the web pages that may use the key, in the form that browsers send; `*` for every page."""
    last_four: str
    created_by: int
    created_at: datetime
    last_used_at: datetime | None
    previous_secret_until: datetime | None
    """When the secret from before the last rotation stops working."""
    signed_user_ids_since: datetime | None
    """Since when sessions require a signed user id, without a break. None if they do not."""

    @property
    def requires_signed_user_id(self) -> bool:
        """Return whether a session with a user id needs a signature, and the key itself may not send events."""
        return self.signed_user_ids_since is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySecret:
    """A working secret of an API key."""

    key: ApiKey
    works_until: datetime | None
    """The end of a previous secret. None for the current one."""
    hashes: tuple[str, ...]
    """Of all secrets of the key that work now, the current one first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApiKey:
    """An API key that is not stored yet."""

    name: str
    kind: KeyKind
    is_test: bool
    scopes: frozenset[Scope]
    allowed_origins: tuple[str, ...]
    key_hash: str
    last_four: str
    created_by: int
    created_at: datetime
    signed_user_ids_since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a session is used, to show to its owner."""

    user_agent: str = ""
    """Browser and system, such as `Firefox 128 on Linux`. Empty if it is not known."""
    address: str | None = None
    """The network address, or None if it is not known."""


NOWHERE: Final = Place()


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session that has not ended."""

    id: int
    user_id: int
    created_at: datetime
    last_used_at: datetime
    """When it began or its tokens were last refreshed."""
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshToken:
    """A refresh token. All tokens of one session form a family; `family_id` is the id of the session."""

    id: int
    family_id: int
    user_id: int
    expires_at: datetime
    used_at: datetime | None
    family_is_alive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """An entry of a tenant's audit log."""

    tenant_id: int
    number: int
    """Starts at 1 in each tenant and has no gaps."""
    at: datetime
    actor_id: int | None
    action: str
    target: str
    details: Mapping[str, str]
    previous_hash: str
    hash: str
