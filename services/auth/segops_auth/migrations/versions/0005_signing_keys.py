"""Keys that sign access tokens.

Revision ID: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the table. The API stores its first key, from SEGOPS_JWT_PRIVATE_KEY_FILE, when it starts."""
    op.create_table(
        "signing_keys",
        sa.Column("kid", sa.Text, primary_key=True),
        # Null once the key has retired: the row shows that it existed.
        sa.Column("sealed", sa.LargeBinary),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("active_at", TIME, nullable=False),
        sa.Column("retires_at", TIME),
        schema="auth",
    )
