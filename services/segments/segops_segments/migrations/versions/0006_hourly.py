"""Which segments are to be computed every hour, and when they were last, found without looking at all.

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
    """Add the indexes."""
    hourly = sa.text("refresh = 'hourly' AND deleted_at IS NULL")
    op.create_index("segments_hourly", "segments", ["tenant_id"], postgresql_where=hourly, schema=SCHEMA)
    op.create_index("runs_as_of", "runs", ["as_of", "segment_id"], postgresql_where=sa.text("NOT fixed"), schema=SCHEMA)
