"""The tables of schema `segments`."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

SCHEMA: Final = "segments"
_metadata = sa.MetaData(schema=SCHEMA)
_TIME = sa.DateTime(timezone=True)

segments = sa.Table(
    "segments",
    _metadata,
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("tenant_id", sa.BigInteger),
    sa.Column("name", sa.Text),
    sa.Column("segment_type", sa.Text),
    sa.Column("definition", sa.JSON),
    sa.Column("definition_bytes", sa.Integer),
    sa.Column("definition_hash", sa.Text),
    sa.Column("description", sa.Text),
    sa.Column("refresh", sa.Text),
    sa.Column("list_size", sa.BigInteger),
    sa.Column("tags", ARRAY(sa.Text)),
    sa.Column("created_by", sa.Text),
    sa.Column("searched_name", sa.Text),
    sa.Column("searched_description", sa.Text),
    sa.Column("version", sa.BigInteger),
    sa.Column("created_at", _TIME),
    sa.Column("updated_at", _TIME),
    sa.Column("deleted_at", _TIME),
)
versions = sa.Table(
    "versions",
    _metadata,
    sa.Column("segment_id", sa.BigInteger, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True),
    sa.Column("tenant_id", sa.BigInteger),
    sa.Column("definition", sa.JSON),
    sa.Column("created_at", _TIME),
    sa.Column("created_by", sa.Text),
)
segment_references = sa.Table(
    "segment_references",
    _metadata,
    sa.Column("tenant_id", sa.BigInteger, primary_key=True),
    sa.Column("segment_id", sa.BigInteger, primary_key=True),
    sa.Column("refers_to", sa.BigInteger, primary_key=True),
)
runs = sa.Table(
    "runs",
    _metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("tenant_id", sa.BigInteger),
    sa.Column("segment_id", sa.BigInteger, primary_key=True),
    sa.Column("version", sa.BigInteger),
    sa.Column("state", sa.Text),
    sa.Column("as_of", _TIME),
    sa.Column("fixed", sa.Boolean),
    sa.Column("requested_by", sa.Text),
    sa.Column("requested_at", _TIME),
    sa.Column("heard_at", _TIME),
    sa.Column("started_at", _TIME),
    sa.Column("finished_at", _TIME),
    sa.Column("attempts", sa.Integer),
    sa.Column("lease_until", _TIME),
    sa.Column("message_id", sa.BigInteger),
    sa.Column("references", sa.JSON(none_as_null=True)),
    sa.Column("outcome", sa.JSON(none_as_null=True)),
    sa.Column("problem", sa.JSON(none_as_null=True)),
    sa.Column("progress", sa.JSON(none_as_null=True)),
)
# Literal text without parameters, so that PostgreSQL can use the partial indexes `runs_served`, `runs_lease`,
# `runs_settled` and `runs_incomplete`.
SERVED: Final = sa.text("state = 'succeeded' AND (outcome->>'published') IS DISTINCT FROM 'false'")
OPEN: Final = sa.text("state IN ('queued', 'running')")
SETTLED: Final = sa.text("state IN ('succeeded', 'failed') AND NOT fixed")
INCOMPLETE: Final = sa.text("state = 'succeeded' AND (outcome->>'behind') IS NOT NULL")
outbox = sa.Table(
    "outbox",
    _metadata,
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("tenant_id", sa.BigInteger),
    sa.Column("topic", sa.Text),
    sa.Column("value", sa.LargeBinary),
    sa.Column("traceparent", sa.Text),
    sa.Column("claimed", sa.Boolean),
    # PostgreSQL writes it, also for processes of a version that does not know it.
    sa.Column("written_at", _TIME),
    sa.Column("sent_at", _TIME),
)
# One row for each tenant. A relay that holds its lock sends the tenant's messages, in order.
outbox_tenants = sa.Table("outbox_lanes", _metadata, sa.Column("tenant_id", sa.BigInteger, primary_key=True))
