"""Test tenants, whose keys have a prefix of their own.

Revision ID: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns. Existing tenants and keys are live."""
    for table in ("tenants", "api_keys"):
        op.add_column(table, sa.Column("is_test", sa.Boolean, nullable=False, server_default=sa.false()), schema="auth")
