"""Exits of people who were erased."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from segops_membership.domain.members.changes import AFTER_ALL_USERS, ChangePosition, MemberChange

EXITS_KEPT_FOR: Final = timedelta(days=30)
"""A reader of changes that stops for longer does not learn who was erased."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasedExit:
    """A segment that an erased user was in, with the run and the version of its published members."""

    user_id: str
    segment_id: int
    run_id: int
    version: int

    def change(self, position: ChangePosition, at: datetime) -> MemberChange:
        """Return the change that readers see."""
        return MemberChange(
            position=position,
            segment_id=self.segment_id,
            user_id=self.user_id,
            change="exited",
            reason="erasure",
            version=self.version,
            run_id=self.run_id,
            at=at,
        )


def place_of(after: ChangePosition, sequence: int) -> ChangePosition:
    """Return the position of an exit after the changes of a publication. `sequence` ascends from 1."""
    return replace(after, key=AFTER_ALL_USERS, segment_id=sequence)


def sequence_of(position: ChangePosition) -> int:
    """Return the number of the last exit before a position; 0 before the first one of its publication."""
    return 0 if position.is_amid else position.segment_id
