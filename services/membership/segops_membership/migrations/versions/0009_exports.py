"""Exports of members, and idempotency keys, because the service now has routes that change something.

Revision ID: 0009
"""

from __future__ import annotations

from itertools import chain

import sqlalchemy as sa
from alembic import op

from segops_common.stores.idempotency import idempotency_table
from segops_common.stores.postgres_tenancy import all_tenants, tenant_policies

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

SCHEMA = "membership"


def upgrade() -> None:
    """Create the tables. Workers act as a role that takes and removes exports of all tenants."""
    idempotency_table(SCHEMA).create(op.get_bind())
    op.create_table(
        "exports",
        sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("export_id", sa.Uuid, primary_key=True),
        sa.Column("segment_id", sa.BigInteger, nullable=False),
        sa.Column("format", sa.Text, nullable=False),
        sa.Column("run_id", sa.BigInteger, nullable=False),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("rows", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("problem", sa.Text),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True)),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("removed", sa.Boolean, nullable=False, server_default=sa.false()),
        schema=SCHEMA,
    )
    open_ones = sa.text("status IN ('pending', 'running')")
    op.create_index("exports_open", "exports", ["created_at"], schema=SCHEMA, postgresql_where=open_ones)
    op.create_index("exports_expiring", "exports", ["expires_at"], schema=SCHEMA)
    op.create_index("exports_of_segment", "exports", ["tenant_id", "segment_id", "export_id"], schema=SCHEMA)
    rights = {"exports": "SELECT, UPDATE, DELETE"}
    for statement in chain(
        tenant_policies(SCHEMA, ("exports",)), all_tenants(SCHEMA, "segops_membership_exports", rights)
    ):
        op.execute(statement)
