"""Erasures: jobs that remove everything about people, and leave a receipt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal

MAX_USERS: Final = 1_000
"""How many ids one erasure may have."""
REQUESTED_BY_RESTORE: Final = "restore"
"""Stands for the caller where an erasure is repeated, because a restored backup had brought people back."""
MAX_OPEN: Final = 1_000
"""How many erasures of a tenant may wait or run at a time."""
MAX_TOGETHER: Final = 100
"""How many erasures of a tenant a worker carries out together, with at most MAX_USERS ids."""
KNOWN_WITHIN_S: Final = 3
"""Within so many seconds after the suppression, every process that accepts events and reaches the warehouse knows it."""

Policy = Literal["refuse", "drop"]
"""What happens to later events of erased people."""


class ErasureStatus(StrEnum):
    """The states of an erasure. It never fails: what cannot be done now is tried again."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETE = "complete"


class ErasurePhase(StrEnum):
    """What a running erasure does, in this order."""

    SUPPRESSING = "suppressing"
    COUNTING = "counting"
    DELETING = "deleting"
    WAITING = "waiting"
    """Until the sink has passed every event that was accepted before the suppression."""
    VERIFYING = "verifying"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Numbers of rows by store: when the erasure began, and at its end."""

    before: Mapping[str, int]
    after: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """An erasure. `user_ids` are forgotten when it is complete; `subjects`, their keyed hashes, stay."""

    tenant_id: int
    id: str
    subjects: tuple[str, ...]
    user_ids: tuple[str, ...]
    requested_by: str
    created_at: datetime
    status: ErasureStatus = ErasureStatus.PENDING
    phase: ErasurePhase | None = None
    attempts: int = 0
    suppressed_at: datetime | None = None
    before: Mapping[str, int] | None = None
    after: Mapping[str, int] | None = None
    finished_at: datetime | None = None

    @property
    def receipt(self) -> Receipt | None:
        """The numbers of rows, once the erasure is complete."""
        if self.before is None or self.after is None:
            return None
        return Receipt(before=self.before, after=self.after)


def extended(
    erasure: Erasure, user_ids: Sequence[str], subjects: Sequence[str], before: Mapping[str, int] | None
) -> Erasure:
    """Return the erasure with more ids, which are not suppressed yet."""
    return replace(
        erasure,
        user_ids=(*erasure.user_ids, *user_ids),
        subjects=(*erasure.subjects, *subjects),
        before=before,
        suppressed_at=None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """Whether events of a person are kept out, and since when. `lifted_at` is set if they are accepted again."""

    since: datetime
    lifted_at: datetime | None = None
