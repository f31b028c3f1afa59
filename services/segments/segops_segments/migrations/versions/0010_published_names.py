"""Publish every segment once more, now with its name.

Revision ID: 0010
"""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

TABLES = ("segments", "outbox", "outbox_lanes")
TENANTS = """
    INSERT INTO segments.outbox_lanes (tenant_id)
    SELECT DISTINCT tenant_id FROM segments.segments WHERE deleted_at IS NULL
    ON CONFLICT DO NOTHING"""
# The definition keeps its text, because PostgreSQL changes numbers. A message is one line.
MESSAGES = """
    INSERT INTO segments.outbox (tenant_id, topic, value)
    SELECT
        tenant_id,
        'segops.segments',
        convert_to(
            replace(
                json_build_object(
                    'tenant_id', tenant_id, 'segment_id', id, 'version', version, 'definition', definition,
                    'refresh', refresh, 'deleted', false, 'name', name
                )::text,
                E'\\n', ' '
            ) || E'\\n',
            'UTF8'
        )
    FROM segments.segments WHERE deleted_at IS NULL ORDER BY id"""


def upgrade() -> None:
    """Put one message for each segment into the outbox. A reader that has the version takes only the name."""
    for table in TABLES:
        op.execute(f"ALTER TABLE segments.{table} NO FORCE ROW LEVEL SECURITY")
    op.execute(TENANTS)
    op.execute(MESSAGES)
    for table in TABLES:
        op.execute(f"ALTER TABLE segments.{table} FORCE ROW LEVEL SECURITY")
