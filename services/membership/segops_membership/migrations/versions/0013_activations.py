"""Activations and the log of their deliveries.

Revision ID: 0013
"""

from __future__ import annotations

from itertools import chain

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from segops_common.stores.postgres_tenancy import all_tenants, tenant_policies

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

SCHEMA = "membership"
ROLE = "segops_membership_activations"


def upgrade() -> None:
    """Create the tables. The process that delivers acts as a role that takes activations of all tenants."""
    op.create_table(
        "activations",
        sa.Column("activation_id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("segment_id", sa.BigInteger, nullable=False),
        sa.Column("connector", sa.Text, nullable=False),
        sa.Column("tenant_slug", sa.Text, nullable=False),
        sa.Column("settings", postgresql.JSONB, nullable=False),
        sa.Column("secret", sa.LargeBinary),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("position", postgresql.JSONB),
        sa.Column("sent_size", sa.BigInteger),
        sa.Column("approved_number", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("hold", postgresql.JSONB),
        sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
        sa.Column("failing_since", sa.DateTime(timezone=True)),
        sa.Column("last_error", sa.Text),
        sa.Column("last_synced_at", sa.DateTime(timezone=True)),
        sa.Column("test_id", sa.Text),
        sa.Column("attempt", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("lease_until", sa.DateTime(timezone=True)),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        schema=SCHEMA,
    )
    op.create_index("activations_of_tenant", "activations", ["tenant_id", "activation_id"], schema=SCHEMA)
    is_open = sa.text("test_id IS NOT NULL OR (status = 'active' AND hold IS NULL)")
    op.create_index("activations_due", "activations", ["due_at"], schema=SCHEMA, postgresql_where=is_open)
    op.create_table(
        "activation_deliveries",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("activation_id", sa.BigInteger, nullable=False),
        sa.Column("delivery_id", sa.Text, nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("run_id", sa.BigInteger),
        sa.Column("changes", sa.BigInteger, nullable=False),
        sa.Column("is_success", sa.Boolean, nullable=False),
        sa.Column("status_code", sa.Integer),
        sa.Column("duration_ms", sa.BigInteger, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("response", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        schema=SCHEMA,
    )
    op.create_index(
        "activation_deliveries_of_one", "activation_deliveries", ["tenant_id", "activation_id", "id"], schema=SCHEMA
    )
    op.create_index("activation_deliveries_by_time", "activation_deliveries", ["at"], schema=SCHEMA)
    rights = {"activations": "SELECT, UPDATE", "activation_deliveries": "SELECT, DELETE"}
    tables = tuple(rights)
    for statement in chain(tenant_policies(SCHEMA, tables), all_tenants(SCHEMA, ROLE, rights)):
        op.execute(statement)
