"""Runs and publications: what is computed, what it is compared with, and what of it may be shown.

A tenant's published runs form a chain. Its rows in the warehouse carry the run and the attempt that wrote them; an
attempt is the fencing number of the lease it was made under, so that what a crashed attempt left behind counts for
nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Literal

from pyroaring import BitMap

from segops_common.contracts.jobs import JobSegment, SegmentResult, SucceededResult
from segops_membership.domain.digest import Digest


@dataclass(frozen=True, slots=True)
class Attempt:
    """The identity of rows in the warehouse: a run, as computed under one lease."""

    run_id: int
    fence: int


@dataclass(frozen=True, slots=True)
class SegmentHead:
    """The published state of a segment: which attempt's bitmap, as of when, with which digest if it is known."""

    attempt: Attempt
    as_of_ms: int
    digest: Digest | None = None


@dataclass(frozen=True, slots=True)
class TenantHead:
    """The end of a tenant's chain; run 0 and number 0 before the first publication."""

    run_id: int
    number: int
    segments: Mapping[int, SegmentHead] = field(default_factory=dict)


class Fate(Enum):
    """What becomes of a segment's part in a run."""

    PUBLISH = "publish"
    RECORD = "record"
    """Computed as of an instant before the published one: kept as history, not shown."""
    SUPERSEDED = "superseded"
    """A later run of the segment is already published: not computed."""


def fate_of(segment: JobSegment, run_id: int, as_of_ms: int, head: TenantHead) -> Fate:
    """Later requests win; among them, membership only moves forward in time."""
    published = head.segments.get(segment.id)
    if published is None:
        return Fate.PUBLISH
    if published.attempt.run_id >= run_id:
        return Fate.SUPERSEDED
    return Fate.RECORD if as_of_ms < published.as_of_ms else Fate.PUBLISH


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentOutcome:
    """The members that a run found for a segment, and the difference from what was published."""

    segment_id: int
    version: int
    members: BitMap
    base: SegmentHead | None
    entered: BitMap
    exited: BitMap
    published: bool

    @property
    def changed(self) -> int:
        """How many profiles enter or exit."""
        return len(self.entered) + len(self.exited)

    @property
    def base_digest(self) -> Digest | None:
        """The digest to which entered and exited lead on; None when all members must be summed up."""
        if not self.published:
            return None
        return Digest() if self.base is None else self.base.digest

    def result(self, digest: Digest) -> SegmentResult:
        """The outcome in numbers of profiles."""
        return SegmentResult(
            segment_id=self.segment_id,
            version=self.version,
            size=len(self.members),
            entered=len(self.entered),
            exited=len(self.exited),
            digest=str(digest),
            published=self.published,
        )


def outcome_of(
    segment: JobSegment, members: BitMap, base: SegmentHead | None, before: BitMap, fate: Fate
) -> SegmentOutcome:
    """Compare with the published members; a run that is only recorded lets nobody enter or exit."""
    published = fate is Fate.PUBLISH
    return SegmentOutcome(
        segment_id=segment.id,
        version=segment.version,
        members=members,
        base=base,
        entered=members - before if published else BitMap(),
        exited=before - members if published else BitMap(),
        published=published,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """A link of the chain: `number` counts a tenant's publications from 1."""

    tenant_id: int
    number: int
    attempt: Attempt
    base_run_id: int
    as_of_ms: int
    at: datetime
    result: SucceededResult
    announced: bool


@dataclass(frozen=True, slots=True)
class Changed:
    """Users whom a published run lets enter or exit a segment."""

    segment_id: int
    change: Literal["entered", "exited"]
    user_ids: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a worker asks to append to the chain."""

    attempt: Attempt
    base_run_id: int
    as_of_ms: int
    at: datetime
    segment_ids: Sequence[int]
    result: SucceededResult
