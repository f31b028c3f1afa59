"""A role that lists all tenants, so that their audit logs can be verified.

Revision ID: 0006
"""

from __future__ import annotations

from alembic import op

from segops_common.stores.postgres_tenancy import all_tenants

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let the role read tenants. Each audit log is read as its tenant."""
    for statement in all_tenants("auth", "segops_auth_auditor", {"tenants": "SELECT"}):
        op.execute(statement)
