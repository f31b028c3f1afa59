"""Segments, their versions and runs, and the outbox.

Revision ID: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from segops_common.stores.idempotency import idempotency_table

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = "segments"
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables."""
    _create_segments()
    _create_runs()
    _create_outbox()
    idempotency_table(SCHEMA).create(op.get_bind())


def _create_segments() -> None:
    op.create_table(
        "segments",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("segment_type", sa.Text, nullable=False),
        # Not jsonb, which returns 1e300 as an integer of 301 digits.
        sa.Column("definition", sa.JSON, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("refresh", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("deleted_at", TIME),
        schema=SCHEMA,
    )
    present = sa.text("deleted_at IS NULL")
    op.create_index(
        "segments_name", "segments", ["tenant_id", "name"], unique=True, postgresql_where=present, schema=SCHEMA
    )
    op.create_index("segments_tenant", "segments", ["tenant_id", "id"], postgresql_where=present, schema=SCHEMA)
    op.create_table(
        "versions",
        sa.Column("segment_id", sa.BigInteger, sa.ForeignKey(f"{SCHEMA}.segments.id"), primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("definition", sa.JSON, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        schema=SCHEMA,
    )


def _create_runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("segment_id", sa.BigInteger, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("as_of", TIME, nullable=False),
        sa.Column("fixed", sa.Boolean, nullable=False),
        sa.Column("requested_by", sa.Text, nullable=False),
        sa.Column("requested_at", TIME, nullable=False),
        sa.Column("heard_at", TIME),
        sa.Column("started_at", TIME),
        sa.Column("finished_at", TIME),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("lease_until", TIME),
        sa.Column("message_id", sa.BigInteger),
        sa.Column("outcome", sa.JSON),
        sa.Column("problem", sa.JSON),
        # The version that a run evaluates must stay, so that the run can be dispatched again.
        sa.ForeignKeyConstraint(
            ["segment_id", "version"], [f"{SCHEMA}.versions.segment_id", f"{SCHEMA}.versions.number"]
        ),
        schema=SCHEMA,
    )
    op.create_index("runs_segment", "runs", ["segment_id", "id"], schema=SCHEMA)
    # However many requests come at once, a segment has one run that is dispatched and not started, and one that waits.
    queued = "state = 'queued' AND NOT fixed AND message_id IS"
    for name, condition in (("runs_waiting", f"{queued} NULL"), ("runs_announced", f"{queued} NOT NULL")):
        op.create_index(name, "runs", ["segment_id"], unique=True, postgresql_where=sa.text(condition), schema=SCHEMA)
    leased = sa.text("state IN ('queued', 'running')")
    op.create_index("runs_lease", "runs", ["lease_until"], postgresql_where=leased, schema=SCHEMA)


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("tenant_id", sa.BigInteger, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("traceparent", sa.Text),
        sa.Column("claimed", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("sent_at", TIME),
        schema=SCHEMA,
    )
    op.create_index(
        "outbox_unsent", "outbox", ["tenant_id", "id"], postgresql_where=sa.text("sent_at IS NULL"), schema=SCHEMA
    )
    op.create_index(
        "outbox_sent", "outbox", ["sent_at"], postgresql_where=sa.text("sent_at IS NOT NULL"), schema=SCHEMA
    )
    # One row for each tenant: a relay that holds its lock sends the tenant's messages, in order.
    op.create_table(
        "outbox_lanes", sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False), schema=SCHEMA
    )
