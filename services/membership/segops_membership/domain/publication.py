"""Runs and publications: what is computed, what it is compared with, and what of it is published.

A tenant's published runs form a chain. Rows in the warehouse carry their run and the attempt that wrote them. An attempt
is the fencing number of the lease it was made under, so rows that a crashed attempt left behind are never read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from typing import Final, Literal

from pyroaring import BitMap

from segops_common.contracts.jobs import ChangeReason, JobSegment, SegmentResult, SucceededResult
from segops_membership.domain.digest import Digest


@dataclass(frozen=True, slots=True)
class Attempt:
    """Identifies rows in the warehouse: a run, as computed under one lease."""

    run_id: int
    fence: int


NOTHING_REPORTED: Final = Attempt(0, 0)
"""Stands for the attempt whose members were reported last, before any were."""


@dataclass(frozen=True, slots=True)
class SegmentHead:
    """The published state of a segment: the attempt that computed it, its instant, and its digest if known.

    `reported` is the attempt whose members the log of changes leads to, where that is another one: changes of an
    incomplete run are not reported. `reported_version` is the version of the segment at the run that was reported last: 0
    before the first, None if it was reported by a release that did not keep it.
    """

    attempt: Attempt
    as_of_ms: int
    digest: Digest | None = None
    reported: Attempt | None = None
    reported_version: int | None = None

    @property
    def last_reported(self) -> Attempt:
        """The attempt whose members the log of changes leads to."""
        return self.attempt if self.reported is None else self.reported


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


@dataclass(frozen=True, slots=True)
class Difference:
    """Profiles that entered and exited between two sets of members."""

    entered: BitMap
    exited: BitMap

    @classmethod
    def between(cls, before: BitMap, after: BitMap) -> Difference:
        """Return what leads from one set to the other."""
        return cls(after - before, before - after)


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentOutcome:
    """The members that a run computed for a segment, and the difference from the published ones.

    `unreported` is the difference from the members that were reported last, where those are not the published ones.
    """

    segment_id: int
    version: int
    members: BitMap
    base: SegmentHead | None
    entered: BitMap
    exited: BitMap
    published: bool
    unreported: Difference | None = None
    reason: ChangeReason = "run"

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
            reason=self.reason,
        )


@dataclass(frozen=True, slots=True)
class Base:
    """What a segment is compared with: its published state with its members, and the members reported last.

    `reported` is None where those are the published ones.
    """

    head: SegmentHead | None
    members: BitMap
    reported: BitMap | None = None


def reason_of(segment: JobSegment, head: SegmentHead | None) -> ChangeReason:
    """Return why a run changes the members that were reported last."""
    if segment.list_version is not None:
        return "list"
    before = 0 if head is None else head.reported_version
    return "run" if before in (None, segment.version) else "definition"


def outcome_of(segment: JobSegment, members: BitMap, base: Base, disposition: Disposition) -> SegmentOutcome:
    """Compare with the published members. A run that is only recorded has no changes."""
    published = disposition is Disposition.PUBLISH
    difference = Difference.between(base.members, members) if published else Difference(BitMap(), BitMap())
    return SegmentOutcome(
        segment_id=segment.id,
        version=segment.version,
        members=members,
        base=base.head,
        entered=difference.entered,
        exited=difference.exited,
        published=published,
        unreported=Difference.between(base.reported, members) if published and base.reported is not None else None,
        reason=reason_of(segment, base.head),
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
    def is_complete(self) -> bool:
        """Whether the run saw every event acknowledged before it; only then its changes are reported."""
        return self.result.behind is None

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
