"""The tables of the schema `auth`, and the conversion of their rows."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from segops_auth.domain.mail import MailKind, MailOrder
from segops_auth.domain.values import (
    Account,
    ApiKey,
    AuditEntry,
    Invite,
    Member,
    Place,
    RefreshToken,
    Session,
    Tenant,
)
from segops_common.security.permissions import KeyKind, Role, Scope

SCHEMA: Final = "auth"
_metadata = sa.MetaData(schema=SCHEMA)
_TIME = sa.DateTime(timezone=True)

accounts = sa.Table(
    "accounts",
    _metadata,
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("email", sa.Text),
    sa.Column("password_hash", sa.Text),
    sa.Column("created_at", _TIME),
    sa.Column("email_verified_at", _TIME),
)
tenants = sa.Table(
    "tenants",
    _metadata,
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("slug", sa.Text),
    sa.Column("name", sa.Text),
    sa.Column("is_test", sa.Boolean),
    sa.Column("test_tenant_id", sa.BigInteger),
    sa.Column("joins_unsigned_ids", sa.Boolean),
    sa.Column("created_at", _TIME),
    sa.Column("audit_number", sa.BigInteger),
    sa.Column("audit_hash", sa.Text),
)
members = sa.Table(
    "members",
    _metadata,
    sa.Column("tenant_id", sa.BigInteger, primary_key=True),
    sa.Column("user_id", sa.BigInteger, primary_key=True),
    sa.Column("role", sa.Text),
    sa.Column("joined_at", _TIME),
)
invites = sa.Table(
    "invites",
    _metadata,
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("tenant_id", sa.BigInteger),
    sa.Column("email", sa.Text),
    sa.Column("role", sa.Text),
    sa.Column("token_hash", sa.Text),
    sa.Column("invited_by", sa.BigInteger),
    sa.Column("created_at", _TIME),
    sa.Column("expires_at", _TIME),
    sa.Column("closed_at", _TIME),
    sa.Column("mailed_hash", sa.Text),
)
api_keys = sa.Table(
    "api_keys",
    _metadata,
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("tenant_id", sa.BigInteger),
    sa.Column("name", sa.Text),
    sa.Column("kind", sa.Text),
    sa.Column("is_test", sa.Boolean),
    sa.Column("scopes", sa.ARRAY(sa.Text)),
    sa.Column("allowed_origins", sa.ARRAY(sa.Text)),
    sa.Column("key_hash", sa.Text),
    sa.Column("last_four", sa.Text),
    sa.Column("previous_hash", sa.Text),
    sa.Column("previous_until", _TIME),
    sa.Column("created_by", sa.BigInteger),
    sa.Column("created_at", _TIME),
    sa.Column("last_used_at", _TIME),
    sa.Column("revoked_at", _TIME),
    sa.Column("signed_user_ids_since", _TIME),
)
families = sa.Table(
    "refresh_families",
    _metadata,
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("user_id", sa.BigInteger),
    sa.Column("created_at", _TIME),
    sa.Column("last_used_at", _TIME),
    sa.Column("user_agent", sa.Text),
    sa.Column("address", sa.Text),
    sa.Column("ended_at", _TIME),
)
refresh_tokens = sa.Table(
    "refresh_tokens",
    _metadata,
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("family_id", sa.BigInteger),
    sa.Column("token_hash", sa.Text),
    sa.Column("created_at", _TIME),
    sa.Column("expires_at", _TIME),
    sa.Column("used_at", _TIME),
)
mails = sa.Table(
    "mails",
    _metadata,
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("kind", sa.Text),
    sa.Column("recipient", sa.Text),
    sa.Column("tenant_id", sa.BigInteger),
    sa.Column("invite_id", sa.BigInteger),
    sa.Column("due_at", _TIME),
    sa.Column("expires_at", _TIME),
    sa.Column("attempts", sa.Integer),
)
links = sa.Table(
    "account_links",
    _metadata,
    sa.Column("token_hash", sa.Text, primary_key=True),
    sa.Column("user_id", sa.BigInteger),
    sa.Column("purpose", sa.Text),
    sa.Column("expires_at", _TIME),
)
signing_keys = sa.Table(
    "signing_keys",
    _metadata,
    sa.Column("kid", sa.Text, primary_key=True),
    sa.Column("sealed", sa.LargeBinary),
    sa.Column("created_at", _TIME),
    sa.Column("active_at", _TIME),
    sa.Column("retires_at", _TIME),
)
audit_log = sa.Table(
    "audit_log",
    _metadata,
    sa.Column("tenant_id", sa.BigInteger, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True),
    sa.Column("at", _TIME),
    sa.Column("actor_id", sa.BigInteger),
    sa.Column("action", sa.Text),
    sa.Column("target", sa.Text),
    sa.Column("details", sa.JSON),
    sa.Column("previous_hash", sa.Text),
    sa.Column("hash", sa.Text),
)


def account_of(row: sa.RowMapping) -> Account:
    """Convert a row of `accounts`."""
    return Account(
        id=row["id"],
        email=row["email"],
        password_hash=row["password_hash"],
        created_at=row["created_at"],
        email_verified_at=row["email_verified_at"],
    )


def tenant_of(row: sa.RowMapping) -> Tenant:
    """Convert a row of `tenants`."""
    return Tenant(
        id=row["id"],
        slug=row["slug"],
        name=row["name"],
        is_test=row["is_test"],
        created_at=row["created_at"],
        test_tenant_id=row["test_tenant_id"],
        joins_unsigned_ids=row["joins_unsigned_ids"],
    )


def member_of(row: sa.RowMapping) -> Member:
    """Convert a row of `members` with the account's email address."""
    return Member(user_id=row["user_id"], email=row["email"], role=Role(row["role"]), joined_at=row["joined_at"])


def invite_of(row: sa.RowMapping) -> Invite:
    """Convert a row of `invites`."""
    return Invite(
        id=row["id"],
        tenant_id=row["tenant_id"],
        email=row["email"],
        role=Role(row["role"]),
        invited_by=row["invited_by"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        open=row["closed_at"] is None,
    )


def api_key_of(row: sa.RowMapping) -> ApiKey:
    """Convert a row of `api_keys`."""
    return ApiKey(
        id=row["id"],
        tenant_id=row["tenant_id"],
        name=row["name"],
        kind=KeyKind(row["kind"]),
        is_test=row["is_test"],
        scopes=frozenset(Scope(scope) for scope in row["scopes"]),
        allowed_origins=tuple(row["allowed_origins"]),
        last_four=row["last_four"],
        created_by=row["created_by"],
        created_at=row["created_at"],
        last_used_at=row["last_used_at"],
        previous_secret_until=row["previous_until"],
        signed_user_ids_since=row["signed_user_ids_since"],
    )


def session_of(row: sa.RowMapping) -> Session:
    """Convert a row of `refresh_families`."""
    return Session(
        id=row["id"],
        user_id=row["user_id"],
        created_at=row["created_at"],
        last_used_at=row["last_used_at"],
        place=Place(user_agent=row["user_agent"], address=row["address"]),
    )


def refresh_token_of(row: sa.RowMapping) -> RefreshToken:
    """Convert a row of `refresh_tokens` with the family's user_id and ended_at."""
    return RefreshToken(
        id=row["id"],
        family_id=row["family_id"],
        user_id=row["user_id"],
        expires_at=row["expires_at"],
        used_at=row["used_at"],
        family_is_alive=row["ended_at"] is None,
    )


def mail_order_of(row: sa.RowMapping) -> MailOrder:
    """Convert a row of `mails`."""
    return MailOrder(
        id=row["id"],
        kind=MailKind(row["kind"]),
        recipient=row["recipient"],
        tenant_id=row["tenant_id"],
        invite_id=row["invite_id"],
        expires_at=row["expires_at"],
        attempts=row["attempts"],
    )


def audit_entry_of(row: sa.RowMapping) -> AuditEntry:
    """Convert a row of `audit_log`."""
    return AuditEntry(**row)
