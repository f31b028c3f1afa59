"""The version of each segment at the run that was reported last, which says whether its definition changed since.

Revision ID: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; null: the run was reported by a release that did not keep it."""
    op.add_column("segment_heads", sa.Column("reported_version", sa.BigInteger))
