"""The rights of the service's role, and row-level security on the tables of tenants.

Revision ID: 0009
"""

from __future__ import annotations

from itertools import chain

from alembic import op

from segops_common.stores.postgres_tenancy import all_tenants, service_grants, tenant_policies

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

SCHEMA = "segments"
TABLES = ("segments", "versions", "segment_references", "runs", "outbox", "outbox_lanes")


def upgrade() -> None:
    """Let the service see the tenants of a caller, and three roles work for all tenants."""
    outbox = {"outbox": "SELECT, UPDATE, DELETE", "outbox_lanes": "SELECT, UPDATE"}
    statements = chain(
        service_grants(SCHEMA),
        tenant_policies(SCHEMA, TABLES),
        all_tenants(SCHEMA, "segops_segments_relay", outbox),
        all_tenants(SCHEMA, "segops_segments_scheduler", {"segments": "SELECT", "runs": "SELECT"}),
        all_tenants(SCHEMA, "segops_segments_sweeper", {"runs": "SELECT", "outbox": "SELECT"}),
    )
    for statement in statements:
        op.execute(statement)
