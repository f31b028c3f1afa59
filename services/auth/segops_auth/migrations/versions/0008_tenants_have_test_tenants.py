"""The test tenant of a tenant, which gets the events that are published to its sandbox.

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
    """Add the column. Existing tenants have no test tenant."""
    op.add_column("tenants", sa.Column("test_tenant_id", sa.BigInteger), schema="auth")
