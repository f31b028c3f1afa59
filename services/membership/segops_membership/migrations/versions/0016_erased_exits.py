"""Exits of erased people, for readers of changes.

Revision ID: 0016
"""

from __future__ import annotations

from itertools import chain

import sqlalchemy as sa
from alembic import op

from segops_common.stores.postgres_tenancy import all_tenants, tenant_policies

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

SCHEMA = "membership"


def upgrade() -> None:
    """Create the table. Ids are encrypted, and rows are removed after a while by the role that takes erasures."""
    op.create_table(
        "erased_exits",
        sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("sequence", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("publication_run_id", sa.BigInteger, nullable=False),
        sa.Column("segment_id", sa.BigInteger, nullable=False),
        sa.Column("run_id", sa.BigInteger, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("tenant_id", "number", "subject", "segment_id", name="erased_exits_once"),
        schema=SCHEMA,
    )
    op.create_index("erased_exits_at", "erased_exits", ["at"], schema=SCHEMA)
    rights = {"erased_exits": "SELECT, DELETE"}
    role = all_tenants(SCHEMA, "segops_membership_erasures", rights)
    for statement in chain(tenant_policies(SCHEMA, ("erased_exits",)), role):
        op.execute(statement)
