"""The tables of the memory store: what PostgreSQL keeps, in dictionaries."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Self

from segops_auth.domain.audit_log import ChainHead
from segops_auth.domain.mail import LinkPurpose, MailOrder
from segops_auth.domain.signing_keys import SigningKey
from segops_auth.domain.values import Account, ApiKey, AuditEntry, Invite, Place, Tenant
from segops_common.security.permissions import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRow:
    """A member of a tenant, without what the account says."""

    role: Role
    joined_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class InviteRow:
    """An invite with the hash of its token."""

    invite: Invite
    token_hash: str
    mailed_hash: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeyRow:
    """A key with the hashes of its secrets."""

    key: ApiKey
    key_hash: str
    previous_hash: str | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyRow:
    """The refresh tokens of one session."""

    user_id: int
    created_at: datetime
    last_used_at: datetime
    place: Place
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshTokenRow:
    """A refresh token, as its hash."""

    family_id: int
    token_hash: str
    expires_at: datetime
    used_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MailRow:
    """A mail that waits."""

    order: MailOrder
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRow:
    """A link to an account, as the hash of its token."""

    user_id: int
    purpose: LinkPurpose
    token_hash: str
    expires_at: datetime


@dataclass(slots=True, kw_only=True)
class Tables:
    """Rows by primary key. Rows are immutable, so a shallow copy is a snapshot."""

    accounts: dict[int, Account] = field(default_factory=dict)
    tenants: dict[int, Tenant] = field(default_factory=dict)
    chain_heads: dict[int, ChainHead] = field(default_factory=dict)
    members: dict[tuple[int, int], MemberRow] = field(default_factory=dict)
    """By tenant id and user id."""
    invites: dict[int, InviteRow] = field(default_factory=dict)
    api_keys: dict[int, ApiKeyRow] = field(default_factory=dict)
    families: dict[int, FamilyRow] = field(default_factory=dict)
    refresh_tokens: dict[int, RefreshTokenRow] = field(default_factory=dict)
    mails: dict[int, MailRow] = field(default_factory=dict)
    links: dict[str, LinkRow] = field(default_factory=dict)
    """By the hash of the token."""
    signing_keys: dict[str, SigningKey] = field(default_factory=dict)
    removed_signing_keys: dict[str, None] = field(default_factory=dict)
    audit_log: dict[tuple[int, int], AuditEntry] = field(default_factory=dict)
    """By tenant id and number."""

    def copy(self) -> Self:
        """Return tables that can be changed without changing these."""
        return type(self)(**{table.name: dict(getattr(self, table.name)) for table in fields(self)})


@dataclass(frozen=True, slots=True)
class Sequences:
    """Sources of ids, ascending from 1. As in PostgreSQL, a rollback does not take ids back."""

    accounts: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    tenants: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    invites: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    api_keys: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    mails: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    families: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    refresh_tokens: Iterator[int] = field(default_factory=lambda: itertools.count(1))
