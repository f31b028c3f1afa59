"""The names of segments, which the segments service publishes with their definitions.

Revision ID: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column. Rows get their names from messages that a migration of the segments service sends."""
    op.add_column("segment_definitions", sa.Column("name", sa.Text), schema="membership")
