"""The points of a compute run at which a worker may crash, in the order in which they are reached."""

from __future__ import annotations

from typing import Final

POINTS: Final = (
    "before_numbers",
    "after_numbers",
    "before_outcomes",
    "after_outcomes",
    "before_changes",
    "after_changes",
    "before_append",
    "after_append",
    "before_show",
    "after_show",
    "after_signal",
    "before_result",
    "after_result",
    "before_announce",
    "amid_announce",
    "after_announce",
)
DECIDED: Final = frozenset(POINTS[POINTS.index("after_append") :])
"""A run that has reached one of these is published, whatever happens afterwards."""
