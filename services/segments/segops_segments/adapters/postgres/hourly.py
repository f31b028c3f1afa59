"""The SQL translations of `domain.hourly.is_due` and of `domain.backlog.stale_cause`.

The store contract compares them with the rules on generated segments and runs.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.sql.selectable import LateralFromClause

from segops_segments.adapters.postgres.tables import SERVED, SETTLED, runs, segments

# Literal text without parameters, so that PostgreSQL can use the partial index `segments_hourly`.
_IS_HOURLY: Final = (
    segments.c.refresh == sa.literal_column("'hourly'"),
    segments.c.deleted_at.is_(None),
    segments.c.segment_type != "static",
)


def is_due(not_after: datetime) -> sa.ColumnElement[bool]:
    """Return the condition that a segment is due: an hourly segment with a definition and without a shared run after that instant."""
    has_later_run = sa.exists().where(
        runs.c.segment_id == segments.c.id, sa.not_(runs.c.fixed), runs.c.as_of > not_after
    )
    return sa.and_(*_IS_HOURLY, sa.not_(has_later_run))


def select_stale(late_before: datetime) -> sa.Select[Any]:
    """Return the query for the number of stale hourly segments and the instant of their oldest members, by cause."""
    served, settled = _newest(SERVED, "served"), _newest(SETTLED, "settled")
    since = sa.func.coalesce(served.c.as_of, segments.c.updated_at)
    has_failed = sa.and_(settled.c.state == "failed", sa.func.coalesce(served.c.id, 0) < settled.c.id)
    cause = sa.case(
        (has_failed, "failed"),
        (served.c.outcome.op("->>")("behind").is_not(None), "incomplete"),
        (since < late_before, "late"),
    )
    causes = (
        sa.select(cause.label("cause"), since.label("since"))
        .select_from(segments.outerjoin(served, sa.true()).outerjoin(settled, sa.true()))
        .where(*_IS_HOURLY)
        .subquery()
    )
    return (
        sa.select(causes.c.cause, sa.func.count().label("count"), sa.func.min(causes.c.since).label("since"))
        .where(causes.c.cause.is_not(None))
        .group_by(causes.c.cause)
    )


def _newest(condition: sa.TextClause, name: str) -> LateralFromClause:
    """Return the newest run of the segment that fulfils the condition."""
    return (
        sa.select(runs.c.id, runs.c.as_of, runs.c.state, runs.c.outcome)
        .where(runs.c.segment_id == segments.c.id, condition)
        .order_by(runs.c.id.desc())
        .limit(1)
        .correlate(segments)
        .lateral(name)
    )
