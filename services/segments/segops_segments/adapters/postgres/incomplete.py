"""The SQL translation of `domain.incomplete`; the store contract compares both on generated segments and runs."""

from __future__ import annotations

import sqlalchemy as sa

from segops_segments.adapters.postgres.tables import INCOMPLETE, SERVED, runs, segments


def must_be_repeated() -> sa.ColumnElement[bool]:
    """Return the condition that the last published run of a present segment is incomplete and no later one replaces it."""
    later = runs.alias("later")
    # The names in the literal texts belong to the innermost query.
    has_later_run = sa.exists().where(
        later.c.segment_id == runs.c.segment_id, later.c.id > runs.c.id, sa.or_(sa.not_(later.c.fixed), SERVED)
    )
    incomplete = sa.select(runs.c.segment_id).where(INCOMPLETE, SERVED, sa.not_(has_later_run))
    return sa.and_(segments.c.deleted_at.is_(None), segments.c.id.in_(incomplete))
