"""How long tenants keep events.

Revision ID: 0017
"""

from __future__ import annotations

from itertools import chain

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from segops_common.stores.postgres_tenancy import all_tenants, tenant_policies

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

SCHEMA = "membership"


def upgrade() -> None:
    """Create the table. The role that takes erasures finds the tenants whose old events are due."""
    op.create_table(
        "retentions",
        sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("default_days", sa.Integer),
        sa.Column("days", JSONB, nullable=False),
        sa.Column("removed", JSONB, nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("applied_at", sa.DateTime(timezone=True)),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        schema=SCHEMA,
    )
    op.create_index("retentions_due", "retentions", ["due_at"], schema=SCHEMA)
    role = all_tenants(SCHEMA, "segops_membership_erasures", {"retentions": "SELECT, UPDATE"})
    for statement in chain(tenant_policies(SCHEMA, ("retentions",)), role):
        op.execute(statement)
