"""The attempt whose members were reported last, where it is not the published one.

Revision ID: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; null: everything that is published was reported."""
    for name in ("reported_run_id", "reported_fence"):
        op.add_column("segment_heads", sa.Column(name, sa.BigInteger))
