"""Merges of users, and whose each id has been since when.

Revision ID: 0010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from segops_common.stores.postgres_tenancy import tenant_policies

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

SCHEMA = "membership"


def upgrade() -> None:
    """Create the tables. The rows of `identity_resolutions` are also in ClickHouse, as `identity_merges`."""
    op.create_table(
        "identity_merges",
        sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("from_user_id", sa.Text, nullable=False),
        sa.Column("into_user_id", sa.Text, nullable=False),
        sa.Column("merged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("merged_by", sa.Text, nullable=False),
        sa.Column("unmerged_at", sa.DateTime(timezone=True)),
        sa.Column("unmerged_by", sa.Text),
        schema=SCHEMA,
    )
    op.create_table(
        "identity_resolutions",
        sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("user_id", sa.Text, primary_key=True),
        sa.Column("canonical_id", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        schema=SCHEMA,
    )
    in_force = sa.text("unmerged_at IS NULL")
    op.create_index(
        "identity_merges_from",
        "identity_merges",
        ["tenant_id", "from_user_id"],
        schema=SCHEMA,
        unique=True,
        postgresql_where=in_force,
    )
    op.create_index(
        "identity_merges_into",
        "identity_merges",
        ["tenant_id", "into_user_id"],
        schema=SCHEMA,
        postgresql_where=in_force,
    )
    for statement in tenant_policies(SCHEMA, ("identity_merges", "identity_resolutions")):
        op.execute(statement)
