"""Indexes that find the hourly segments that are due, without reading all segments and runs.

Revision ID: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

SCHEMA = "segments"


def upgrade() -> None:
    """Create the indexes."""
    hourly = sa.text("refresh = 'hourly' AND deleted_at IS NULL")
    op.create_index("segments_hourly", "segments", ["tenant_id"], postgresql_where=hourly, schema=SCHEMA)
    op.create_index("runs_as_of", "runs", ["as_of", "segment_id"], postgresql_where=sa.text("NOT fixed"), schema=SCHEMA)
