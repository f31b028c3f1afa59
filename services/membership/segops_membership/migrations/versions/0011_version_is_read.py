"""The service may read which revisions have run, so that `segops doctor` can compare them.

Revision ID: 0011
"""

from __future__ import annotations

from alembic import op

from segops_common.stores.postgres_tenancy import version_grant

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Allow the role of the service to read the table of revisions."""
    op.execute(version_grant("membership"))
