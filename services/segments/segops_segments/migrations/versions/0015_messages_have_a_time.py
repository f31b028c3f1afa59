"""When each message of the outbox was written, so that its age does not begin again with the process that measures it.

Revision ID: 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column. Messages that wait now count from now on; processes of the version before write the default too."""
    column: sa.Column[object] = sa.Column(
        "written_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()
    )
    op.add_column("outbox", column, schema="segments")
