"""Mails that wait to be sent, links in them that work once, and verified email addresses.

Revision ID: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

SCHEMA = "auth"
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add tables and columns. No existing address counts as verified."""
    op.add_column("accounts", sa.Column("email_verified_at", TIME), schema=SCHEMA)
    op.add_column("invites", sa.Column("mailed_hash", sa.Text), schema=SCHEMA)
    op.create_unique_constraint("invites_mailed_token", "invites", ["mailed_hash"], schema=SCHEMA)
    op.create_table(
        "mails",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("tenant_id", sa.BigInteger),
        sa.Column("invite_id", sa.BigInteger),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        schema=SCHEMA,
    )
    op.create_index("mails_due", "mails", ["due_at"], schema=SCHEMA)
    op.create_table(
        "account_links",
        sa.Column("token_hash", sa.Text, primary_key=True),
        sa.Column("user_id", sa.BigInteger, sa.ForeignKey(f"{SCHEMA}.accounts.id"), nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        schema=SCHEMA,
    )
    op.create_index("account_links_user", "account_links", ["user_id"], schema=SCHEMA)
    op.create_index("account_links_expiry", "account_links", ["expires_at"], schema=SCHEMA)
