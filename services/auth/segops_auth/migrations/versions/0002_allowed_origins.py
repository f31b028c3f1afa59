"""Origins of the web pages that may use a publishable key.

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
    """Add the column. Existing keys may be used in no page."""
    op.add_column(
        "api_keys",
        sa.Column("allowed_origins", sa.ARRAY(sa.Text), nullable=False, server_default="{}"),
        schema="auth",
    )
