"""What an export of a person contains besides profile and events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class MembershipChange:
    """An entry or an exit by a published run. Times are in milliseconds."""

    segment_id: int
    run_id: int
    change: Literal["entered", "exited"]
    as_of_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListEntry:
    """The present entry of a person in a static list."""

    segment_id: int
    list_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonLetter:
    """An accepted event that was not stored. `line` is the event row as JSON."""

    id: int
    at_ms: int
    code: int
    reason: str
    line: str
