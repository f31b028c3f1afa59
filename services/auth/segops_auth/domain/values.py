"""The things that auth keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from segops_common.security.permissions import KeyKind, Role, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A person who can sign in."""

    id: int
    email: str
    password_hash: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """An organisation; all its data is apart from everybody else's."""

    id: int
    slug: str
    name: str
    is_test: bool
    """For good; its keys show it."""
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinedTenant:
    """A tenant as one of its members sees it."""

    tenant: Tenant
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A person as a tenant sees them."""

    user_id: int
    email: str
    role: Role
    joined_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Invite:
    """A place in a tenant, offered to whoever has that e-mail address and the token."""

    id: int
    tenant_id: int
    email: str
    role: Role
    invited_by: int
    created_at: datetime
    expires_at: datetime
    open: bool
    """Neither accepted nor withdrawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A program's credential, without its secret."""

    id: int
    tenant_id: int
    name: str
    kind: KeyKind
    is_test: bool
    scopes: frozenset[Scope]
    allowed_origins: tuple[str, ...]
    """Whose web pages may use the key, as browsers send them; `*` for all."""
    last_four: str
    created_by: int
    created_at: datetime
    last_used_at: datetime | None
    previous_secret_until: datetime | None
    """Until when the secret before the last rotation works."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApiKey:
    """An API key to be stored."""

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
    """One link in the chain of refresh tokens that began with a sign-in: its family."""

    id: int
    family_id: int
    user_id: int
    expires_at: datetime
    used_at: datetime | None
    family_is_alive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """Something that was done in a tenant."""

    tenant_id: int
    number: int
    """Counts from 1 in each tenant, without a gap."""
    at: datetime
    actor_id: int | None
    action: str
    target: str
    details: Mapping[str, str]
    previous_hash: str
    hash: str
