"""The size of a static segment's list, so that a replacement by a much smaller one can be questioned.

Revision ID: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column. Lists from before count as empty until they are replaced or computed."""
    column = sa.Column("list_size", sa.BigInteger(), nullable=False, server_default=sa.text("0"))
    op.add_column("segments", column, schema="segments")
