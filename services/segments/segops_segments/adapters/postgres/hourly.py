"""The SQL translation of `domain.hourly.is_due`; the store contract compares both on generated segments and runs."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from segops_segments.adapters.postgres.tables import runs, segments


def is_due(not_after: datetime) -> sa.ColumnElement[bool]:
    """Return the condition that a segment is due: an hourly segment with a definition and without a shared run after that instant."""
    # Literal text without parameters, so that PostgreSQL can use the partial index `segments_hourly`.
    is_hourly = (segments.c.refresh == sa.literal_column("'hourly'"), segments.c.deleted_at.is_(None))
    has_later_run = sa.exists().where(
        runs.c.segment_id == segments.c.id, sa.not_(runs.c.fixed), runs.c.as_of > not_after
    )
    return sa.and_(*is_hourly, segments.c.segment_type != "static", sa.not_(has_later_run))
