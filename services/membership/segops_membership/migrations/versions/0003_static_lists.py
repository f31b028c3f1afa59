"""The state of the list of each static segment.

Revision ID: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "static_lists",
        sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("segment_id", sa.BigInteger, primary_key=True, autoincrement=False),
        # The list is what the changes from `since` to `version` make; rows of changes before `kept` are deleted.
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("kept", sa.BigInteger, nullable=False),
        # The change that is arriving, how many of its parts are stored, and whether one is missing.
        sa.Column("coming", sa.BigInteger, nullable=False),
        sa.Column("parts", sa.BigInteger, nullable=False),
        sa.Column("lost", sa.Boolean, nullable=False),
    )
