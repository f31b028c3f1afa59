"""Users whom activations left out because they did not consent.

Revision ID: 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

SCHEMA = "membership"


def upgrade() -> None:
    """Add the counts, which begin at zero."""
    for table in ("activations", "activation_deliveries"):
        column = sa.Column("left_out", sa.BigInteger, nullable=False, server_default="0")
        op.add_column(table, column, schema=SCHEMA)
