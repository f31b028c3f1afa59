"""When and where a session was last used, to show to its owner.

Revision ID: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns. The last use of older sessions is their newest refresh, and nothing is known of their place.

    A process of the version before still inserts sessions while the new ones start, so every column has a default.
    """
    op.add_column(
        "refresh_families",
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
        schema="auth",
    )
    op.add_column(
        "refresh_families", sa.Column("user_agent", sa.Text, nullable=False, server_default=""), schema="auth"
    )
    op.add_column("refresh_families", sa.Column("address", sa.Text), schema="auth")
    op.execute(
        "UPDATE auth.refresh_families AS f SET last_used_at = t.newest FROM "
        "(SELECT family_id, max(created_at) AS newest FROM auth.refresh_tokens GROUP BY family_id) AS t "
        "WHERE t.family_id = f.id"
    )
