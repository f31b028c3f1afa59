"""The references between segments, and the size of each definition.

Revision ID: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SCHEMA = "segments"


def upgrade() -> None:
    """Create the table of references, empty: no definition could refer to a segment before."""
    op.create_table(
        "segment_references",
        sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("segment_id", sa.BigInteger, sa.ForeignKey(f"{SCHEMA}.segments.id"), primary_key=True),
        sa.Column("refers_to", sa.BigInteger, sa.ForeignKey(f"{SCHEMA}.segments.id"), primary_key=True),
        schema=SCHEMA,
    )
    op.create_index(
        "segment_references_reverse", "segment_references", ["tenant_id", "refers_to", "segment_id"], schema=SCHEMA
    )
    # The stored text has spaces and escapes that a message does not have, so this is never less than the real size.
    op.add_column("segments", sa.Column("definition_bytes", sa.Integer), schema=SCHEMA)
    segments = sa.table("segments", sa.column("definition"), sa.column("definition_bytes"), schema=SCHEMA)
    op.execute(
        sa.update(segments).values(definition_bytes=sa.func.octet_length(sa.cast(segments.c.definition, sa.Text)))
    )
    op.alter_column("segments", "definition_bytes", nullable=False, schema=SCHEMA)
