"""The digest of each segment's published members, which the next run updates.

Revision ID: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column. For members that were published before, the next run sums over all of them."""
    op.add_column("segment_heads", sa.Column("digest", sa.Text))
