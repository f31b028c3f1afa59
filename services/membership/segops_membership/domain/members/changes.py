"""Changes of members, as the chain of publications tells them, and positions in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from segops_common.contracts.jobs import ChangeReason
from segops_membership.domain.publication import Publication

AFTER_ALL_USERS: Final = 2**64
"""Greater than every user key: a position with it is after all changes of its publication."""


@dataclass(frozen=True, slots=True, order=True)
class ChangePosition:
    """A place between changes: after the changes of a publication, up to a user and, for that user, up to a segment.

    Changes are ordered by publication, then by user key, then by segment. `key` is -1 before the first user. After the changes
    of a publication come the exits of people who were erased before the next one; `segment_id` then counts these.
    """

    number: int
    run_id: int
    key: int = AFTER_ALL_USERS
    segment_id: int = 0

    @property
    def is_amid(self) -> bool:
        """Whether the publication has changes after this position."""
        return self.key < AFTER_ALL_USERS

    @classmethod
    def after(cls, publication: Publication) -> ChangePosition:
        """Return the position after all changes of a publication."""
        return cls(publication.number, publication.attempt.run_id)

    @classmethod
    def before(cls, publication: Publication) -> ChangePosition:
        """Return the position before the first change of a publication."""
        return cls(publication.number, publication.attempt.run_id, -1)


BEGINNING: Final = ChangePosition(0, 0)
"""Before the first publication."""


@dataclass(frozen=True, slots=True)
class ChangedUser:
    """A user with the segments that they entered (True) or exited (False) by one publication, ascending by segment."""

    key: int
    user_id: str
    segments: Sequence[tuple[int, bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberChange:
    """A user entered or exited a segment. `position` is the place after this change. Erased users have exits only."""

    position: ChangePosition
    segment_id: int
    user_id: str
    change: Literal["entered", "exited"]
    reason: ChangeReason | Literal["erasure"]
    version: int
    run_id: int
    at: datetime
