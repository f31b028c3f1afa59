"""The content hash of each definition, to find segments with the same definition.

Revision ID: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from segops_language import Group, content_hash

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SCHEMA = "segments"


def upgrade() -> None:
    """Add the column, fill it and create the index."""
    op.add_column("segments", sa.Column("definition_hash", sa.Text), schema=SCHEMA)
    segments = sa.table(
        "segments", sa.column("id"), sa.column("definition", sa.JSON), sa.column("definition_hash"), schema=SCHEMA
    )
    connection = op.get_bind()
    for row in connection.execute(sa.select(segments.c.id, segments.c.definition)).all():
        definition_hash = content_hash(Group.model_validate(row.definition))
        connection.execute(sa.update(segments).where(segments.c.id == row.id).values(definition_hash=definition_hash))
    op.alter_column("segments", "definition_hash", nullable=False, schema=SCHEMA)
    op.create_index("segments_definition_hash", "segments", ["tenant_id", "definition_hash"], schema=SCHEMA)
