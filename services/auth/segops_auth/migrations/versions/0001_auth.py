"""Accounts, tenants, members, invites, API keys, refresh tokens, the audit log and idempotency keys.

Revision ID: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from segops_common.stores.idempotency import idempotency_table

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = "auth"
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables."""
    _create_accounts()
    _create_tenants()
    _create_invites()
    _create_api_keys()
    _create_refresh_tokens()
    _create_audit_log()
    idempotency_table(SCHEMA).create(op.get_bind())


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True)


def _tenant() -> sa.Column[int]:
    return sa.Column("tenant_id", sa.BigInteger, sa.ForeignKey(f"{SCHEMA}.tenants.id"), nullable=False)


def _account(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, sa.ForeignKey(f"{SCHEMA}.accounts.id"), nullable=False)


def _create_accounts() -> None:
    op.create_table(
        "accounts",
        _id(),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.UniqueConstraint("email", name="accounts_email"),
        schema=SCHEMA,
    )


def _create_tenants() -> None:
    op.create_table(
        "tenants",
        _id(),
        sa.Column("slug", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        # The head of the audit log's hash chain: it shows if the newest entries were deleted.
        sa.Column("audit_number", sa.BigInteger, nullable=False),
        sa.Column("audit_hash", sa.Text, nullable=False),
        sa.UniqueConstraint("slug", name="tenants_slug"),
        schema=SCHEMA,
    )
    op.create_table(
        "members",
        _tenant(),
        _account("user_id"),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("joined_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "user_id", name="members_pkey"),
        schema=SCHEMA,
    )
    op.create_index("members_user", "members", ["user_id"], schema=SCHEMA)


def _create_invites() -> None:
    op.create_table(
        "invites",
        _id(),
        _tenant(),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("token_hash", sa.Text, nullable=False),
        _account("invited_by"),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("closed_at", TIME),
        sa.UniqueConstraint("token_hash", name="invites_token"),
        schema=SCHEMA,
    )
    op.create_index(
        "invites_open", "invites", ["tenant_id", "id"], postgresql_where=sa.text("closed_at IS NULL"), schema=SCHEMA
    )


def _create_api_keys() -> None:
    op.create_table(
        "api_keys",
        _id(),
        _tenant(),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("scopes", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("key_hash", sa.Text, nullable=False),
        sa.Column("last_four", sa.Text, nullable=False),
        sa.Column("previous_hash", sa.Text),
        sa.Column("previous_until", TIME),
        _account("created_by"),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("last_used_at", TIME),
        sa.Column("revoked_at", TIME),
        sa.UniqueConstraint("key_hash", name="api_keys_hash"),
        schema=SCHEMA,
    )
    op.create_index(
        "api_keys_previous",
        "api_keys",
        ["previous_hash"],
        postgresql_where=sa.text("previous_hash IS NOT NULL"),
        schema=SCHEMA,
    )
    op.create_index(
        "api_keys_active",
        "api_keys",
        ["tenant_id", "id"],
        postgresql_where=sa.text("revoked_at IS NULL"),
        schema=SCHEMA,
    )


def _create_refresh_tokens() -> None:
    op.create_table(
        "refresh_families",
        _id(),
        _account("user_id"),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("ended_at", TIME),
        schema=SCHEMA,
    )
    op.create_index(
        "refresh_families_alive",
        "refresh_families",
        ["user_id"],
        postgresql_where=sa.text("ended_at IS NULL"),
        schema=SCHEMA,
    )
    op.create_table(
        "refresh_tokens",
        _id(),
        sa.Column("family_id", sa.BigInteger, sa.ForeignKey(f"{SCHEMA}.refresh_families.id"), nullable=False),
        sa.Column("token_hash", sa.Text, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("used_at", TIME),
        sa.UniqueConstraint("token_hash", name="refresh_tokens_hash"),
        schema=SCHEMA,
    )
    op.create_index("refresh_tokens_family", "refresh_tokens", ["family_id"], schema=SCHEMA)
    op.create_index("refresh_tokens_expiry", "refresh_tokens", ["expires_at"], schema=SCHEMA)


def _create_audit_log() -> None:
    op.create_table(
        "audit_log",
        _tenant(),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("actor_id", sa.BigInteger),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("details", sa.JSON, nullable=False),
        sa.Column("previous_hash", sa.Text, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "number", name="audit_log_pkey"),
        schema=SCHEMA,
    )
    op.execute(
        f"""
        CREATE FUNCTION {SCHEMA}.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$
        """
    )
    op.execute(
        f"""
        CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {SCHEMA}.audit_log
        FOR EACH STATEMENT EXECUTE FUNCTION {SCHEMA}.refuse_change()
        """
    )
