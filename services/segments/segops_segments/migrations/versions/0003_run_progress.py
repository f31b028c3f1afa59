"""The progress of runs, and indexes that find the run whose members a segment serves.

Revision ID: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SCHEMA = "segments"


def upgrade() -> None:
    """Add the column and the indexes."""
    op.add_column("runs", sa.Column("progress", sa.JSON), schema=SCHEMA)
    indexes = (
        ("runs_served", "state = 'succeeded' AND (outcome->>'published') IS DISTINCT FROM 'false'"),
        ("runs_settled", "state IN ('succeeded', 'failed') AND NOT fixed"),
    )
    for name, condition in indexes:
        op.create_index(name, "runs", ["segment_id", "id"], postgresql_where=sa.text(condition), schema=SCHEMA)
