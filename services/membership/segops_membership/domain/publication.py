"""Runs and publications: what is computed, what it is compared with, and what of it is published.

A tenant's published runs form a chain. Rows in the warehouse carry their run and the attempt that wrote them. An attempt
is the fencing number of the lease it was made under, so rows that a crashed attempt left behind are never read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import Literal

from pyroaring import BitMap

from segops_common.contracts.jobs import JobSegment, SegmentResult, SucceededResult
from segops_membership.domain.digest import Digest


@dataclass(frozen=True, slots=True)
class Attempt:
    """Identifies rows in the warehouse: a run, as computed under one lease."""

    run_id: int
    fence: int


@dataclass(frozen=True, slots=True)
class SegmentHead:
    """The published state of a segment: the attempt that computed it, its instant, and its digest if known."""

    attempt: Attempt
    as_of_ms: int
    digest: Digest | None = None


@dataclass(frozen=True, slots=True)
class TenantHead:
    """The end of a tenant's chain: the run and number of the last publication, both 0 before the first."""

    run_id: int
    number: int
    segments: Mapping[int, SegmentHead] = field(default_factory=dict)


class Disposition(Enum):
    """What a run does with one of its segments."""

    PUBLISH = "publish"
    RECORD = "record"
    """Compute as of an instant before the published one: keep as history, do not publish."""
    SUPERSEDED = "superseded"
    """Skip: a later run of the segment is published already."""


def disposition_of(segment: JobSegment, run_id: int, as_of_ms: int, head: TenantHead) -> Disposition:
    """Let later requests win; published members only move forward in time."""
    published = head.segments.get(segment.id)
    if published is None:
        return Disposition.PUBLISH
    if published.attempt.run_id >= run_id:
        return Disposition.SUPERSEDED
    return Disposition.RECORD if as_of_ms < published.as_of_ms else Disposition.PUBLISH


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentOutcome:
    """The members that a run computed for a segment, and the difference from the published ones."""

    segment_id: int
    version: int
    members: BitMap
    base: SegmentHead | None
    entered: BitMap
    exited: BitMap
    published: bool

    @property
    def changed(self) -> int:
        """Number of profiles that enter or exit."""
        return len(self.entered) + len(self.exited)

    @property
    def base_digest(self) -> Digest | None:
        """The digest to update by who entered and exited; None when all members must be summed up."""
        if not self.published:
            return None
        return Digest() if self.base is None else self.base.digest

    def result(self, digest: Digest) -> SegmentResult:
        """Return the outcome in numbers of profiles."""
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
    segment: JobSegment, members: BitMap, base: SegmentHead | None, before: BitMap, disposition: Disposition
) -> SegmentOutcome:
    """Compare with the published members. A run that is only recorded has no changes."""
    published = disposition is Disposition.PUBLISH
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
    """A link of a tenant's chain; `reported` once other services know of it.

    `number` counts the tenant's publications from 1. It is 0 until the publication is appended to the chain.
    """

    tenant_id: int
    attempt: Attempt
    base_run_id: int
    as_of_ms: int
    at: datetime
    result: SucceededResult
    number: int = 0
    reported: bool = False

    @property
    def segments(self) -> Sequence[SegmentResult]:
        """The results that become the published state of their segments."""
        return [segment for segment in self.result.segments if segment.published]

    def numbered(self, number: int) -> Publication:
        """Return the publication as appended to the chain."""
        return replace(self, number=number)


@dataclass(frozen=True, slots=True)
class MemberChanges:
    """Users who enter or exit a segment by a publication."""

    segment_id: int
    change: Literal["entered", "exited"]
    user_ids: Sequence[str]
