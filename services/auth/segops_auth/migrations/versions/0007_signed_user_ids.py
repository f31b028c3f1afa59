"""Publishable keys that require signed user ids.

Revision ID: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column. Existing keys do not require signatures."""
    op.add_column("api_keys", sa.Column("signed_user_ids_since", sa.DateTime(timezone=True)), schema="auth")
