"""Exports: jobs that write all members of a segment into a file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from segops_membership.domain.members.sets import MemberFormat
from segops_membership.domain.publication import Attempt

KEPT_FOR: Final = timedelta(hours=24)
"""How long the file of an export is kept after it was written."""
LISTED_FOR: Final = timedelta(days=30)
"""How long an export is listed after its file was removed."""
MAX_ATTEMPTS: Final = 5
MAX_OPEN: Final = 20
"""How many exports of a tenant may wait or run at a time."""


class ExportStatus(StrEnum):
    """The states of an export. It goes from pending to running, and ends as complete or failed."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETE = "complete"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """An export of one publication. `attempts` counts the workers that took it; `total` is the number of members."""

    tenant_id: int
    id: str
    segment_id: int
    member_format: MemberFormat
    publication: Attempt
    total: int
    created_at: datetime
    status: ExportStatus = ExportStatus.PENDING
    attempts: int = 0
    rows: int = 0
    finished_at: datetime | None = None
    expires_at: datetime | None = None
    problem: str | None = None

    @property
    def file_name(self) -> str:
        """The name of the file, the same for every attempt: all attempts write the same members."""
        return f"{self.id}.{self.member_format}"

    @property
    def progress(self) -> float:
        """The share of the members that were written, from 0 to 1."""
        if self.status is ExportStatus.COMPLETE:
            return 1.0
        return round(min(self.rows / self.total, 1.0), 3) if self.total else 0.0
