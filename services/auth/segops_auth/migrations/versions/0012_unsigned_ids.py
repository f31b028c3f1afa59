"""Whether publishable keys may join ids that nobody signed.

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
    """Add the column. Existing tenants allow it."""
    column = sa.Column("joins_unsigned_ids", sa.Boolean, nullable=False, server_default=sa.true())
    op.add_column("tenants", column, schema="auth")
