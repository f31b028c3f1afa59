"""Who created each segment, its tags, and its name as it is searched.

Revision ID: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

from segops_segments.domain.segment import searched_text

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

SCHEMA = "segments"
TABLES = ("segments", "versions")
CREATORS = """
    UPDATE segments.segments SET created_by = versions.created_by
    FROM segments.versions
    WHERE versions.segment_id = segments.id AND versions.tenant_id = segments.tenant_id AND versions.number = 1"""


def upgrade() -> None:
    """Add the columns and fill them. Processes of the version before leave them empty."""
    for name in ("created_by", "searched_name"):
        op.add_column("segments", sa.Column(name, sa.Text, nullable=False, server_default=""), schema=SCHEMA)
    tags: sa.Column[list[str]] = sa.Column("tags", ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'"))
    op.add_column("segments", tags, schema=SCHEMA)
    for table in TABLES:
        op.execute(f"ALTER TABLE {SCHEMA}.{table} NO FORCE ROW LEVEL SECURITY")
    op.execute(CREATORS)
    _fill_names()
    for table in TABLES:
        op.execute(f"ALTER TABLE {SCHEMA}.{table} FORCE ROW LEVEL SECURITY")


def _fill_names() -> None:
    segments = sa.table("segments", sa.column("id"), sa.column("name"), sa.column("searched_name"), schema=SCHEMA)
    connection = op.get_bind()
    named = connection.execute(sa.select(segments.c.id, segments.c.name)).all()
    rows = [{"key": row.id, "searched": searched_text(row.name)} for row in named]
    change = sa.update(segments).where(segments.c.id == sa.bindparam("key"))
    if rows:
        # At once: nobody can read segments until this is done.
        connection.execute(change.values(searched_name=sa.bindparam("searched")), rows)
