"""Accounts, tenants, members, invites, API keys, refresh tokens and audit entries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from segops_common.security.permissions import KeyKind, Role, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user who can sign in."""

    id: int
    email: str
    password_hash: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """An organisation. No data is shared between tenants."""

    id: int
    slug: str
    name: str
    is_test: bool
    """Whether the tenant holds test data only. Never changes; the prefix of its keys shows it."""
    created_at: datetime


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


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySecret:
    """A working secret of an API key."""

    key: ApiKey
    works_until: datetime | None
    """The end of a previous secret. None for the current one."""


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
