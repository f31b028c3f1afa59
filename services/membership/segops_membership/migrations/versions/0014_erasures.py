"""Erasures of people, with their receipts.

Revision ID: 0014
"""

from __future__ import annotations

from itertools import chain

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from segops_common.stores.postgres_tenancy import all_tenants, tenant_policies

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

SCHEMA = "membership"


def upgrade() -> None:
    """Create the table. Workers act as a role that takes erasures of all tenants."""
    op.create_table(
        "erasures",
        sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("erasure_id", sa.Uuid, primary_key=True),
        sa.Column("subjects", ARRAY(sa.Text), nullable=False),
        # The ids, encrypted: what a row was before stays in the file of a table for a while.
        sa.Column("sealed", sa.LargeBinary),
        sa.Column("requested_by", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("phase", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("suppressed_at", sa.DateTime(timezone=True)),
        sa.Column("lease_until", sa.DateTime(timezone=True)),
        sa.Column("due_at", sa.DateTime(timezone=True)),
        sa.Column("before", JSONB),
        sa.Column("after", JSONB),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        schema=SCHEMA,
    )
    open_ones = sa.text("status IN ('pending', 'running')")
    op.create_index("erasures_open", "erasures", ["created_at"], schema=SCHEMA, postgresql_where=open_ones)
    rights = {"erasures": "SELECT, UPDATE"}
    for statement in chain(
        tenant_policies(SCHEMA, ("erasures",)), all_tenants(SCHEMA, "segops_membership_erasures", rights)
    ):
        op.execute(statement)
