"""The current definition of every segment, as the segments service publishes it.

Revision ID: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table. A deleted segment keeps its row, so that a late message cannot bring it back."""
    op.create_table(
        "segment_definitions",
        sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("segment_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("definition", sa.JSON, nullable=False),
        sa.Column("refresh", sa.Text, nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False),
    )
