"""What a run read of other segments, and an index that finds incomplete runs.

Revision ID: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

SCHEMA = "segments"


def upgrade() -> None:
    """Add the column and the index. Of runs until now it is unknown which versions of other segments they read."""
    op.add_column("runs", sa.Column("references", sa.JSON), schema=SCHEMA)
    incomplete = sa.text("state = 'succeeded' AND (outcome->>'behind') IS NOT NULL")
    op.create_index("runs_incomplete", "runs", ["segment_id", "id"], postgresql_where=incomplete, schema=SCHEMA)
