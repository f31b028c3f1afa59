"""Event schemas, their history, and the numbers by which ingestion learns of changes.

Revision ID: 0014
"""

from __future__ import annotations

from itertools import chain

import sqlalchemy as sa
from alembic import op

from segops_common.stores.postgres_tenancy import all_tenants, tenant_policies

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

SCHEMA = "segments"
TABLES = ("event_schemas", "event_schema_versions", "event_schema_changes")


def upgrade() -> None:
    """Create the tables, empty."""
    time = sa.DateTime(timezone=True)
    op.create_table(
        "event_schemas",
        sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("event_type", sa.Text, nullable=False),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("properties", sa.JSON, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("created_at", time, nullable=False),
        sa.Column("updated_at", time, nullable=False),
        sa.Column("changed_by", sa.Text, nullable=False),
        sa.UniqueConstraint("tenant_id", "event_type", name="event_schemas_event_type"),
        schema=SCHEMA,
    )
    op.create_table(
        "event_schema_versions",
        # No foreign key: the history of a deleted schema stays.
        sa.Column("schema_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("event_type", sa.Text, nullable=False),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("properties", sa.JSON, nullable=False),
        sa.Column("created_at", time, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False),
        schema=SCHEMA,
    )
    op.create_table(
        "event_schema_changes",
        sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        schema=SCHEMA,
    )
    op.create_index("event_schema_changes_number", "event_schema_changes", ["number"], unique=True, schema=SCHEMA)
    op.execute(f"CREATE SEQUENCE {SCHEMA}.event_schema_numbers AS bigint")
    readable = {"event_schemas": "SELECT", "event_schema_changes": "SELECT"}
    for statement in chain(tenant_policies(SCHEMA, TABLES), all_tenants(SCHEMA, "segops_segments_schemas", readable)):
        op.execute(statement)
