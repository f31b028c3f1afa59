"""The description of each segment as it is searched.

Revision ID: 0012
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from segops_segments.domain.segment import searched_text

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

SCHEMA = "segments"


def upgrade() -> None:
    """Add the column and fill it. Processes of the version before leave it as it is."""
    column: sa.Column[str] = sa.Column("searched_description", sa.Text, nullable=False, server_default="")
    op.add_column("segments", column, schema=SCHEMA)
    op.execute(f"ALTER TABLE {SCHEMA}.segments NO FORCE ROW LEVEL SECURITY")
    _fill_descriptions()
    op.execute(f"ALTER TABLE {SCHEMA}.segments FORCE ROW LEVEL SECURITY")


def _fill_descriptions() -> None:
    segments = sa.table(
        "segments", sa.column("id"), sa.column("description"), sa.column("searched_description"), schema=SCHEMA
    )
    connection = op.get_bind()
    described = sa.select(segments.c.id, segments.c.description).where(segments.c.description != "")
    rows = [{"key": row.id, "searched": searched_text(row.description)} for row in connection.execute(described).all()]
    change = sa.update(segments).where(segments.c.id == sa.bindparam("key"))
    if rows:
        # At once: nobody can read segments until this is done.
        connection.execute(change.values(searched_description=sa.bindparam("searched")), rows)
