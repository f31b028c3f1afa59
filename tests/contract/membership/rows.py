"""Values that the contract suites store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

from pyroaring import BitMap

from segops_common.contracts.jobs import IngestLag, SegmentResult, StaticMembersChanged, SucceededResult
from segops_membership.domain.predicates import StaticListPredicate
from segops_membership.domain.publication import Attempt, Difference, Publication, SegmentHead, SegmentOutcome
from tests.contract.membership.conftest import Ports
from tests.corpus.builders import NOW, NOW_MS, event

LATER = NOW + timedelta(days=3_650)
"""Deletions rewrite parts. At this time, parts have no events of other tests."""
LONG = timedelta(minutes=5)
EXPIRED = timedelta(0)
"""A time to live after which a lease has expired at once."""


def segment_result(segment_id: int, *, published: bool = True, digest: str | None = None) -> SegmentResult:
    return SegmentResult(
        segment_id=segment_id, version=1, size=1, entered=1, exited=0, published=published, digest=digest
    )


def publication(
    tenant_id: int,
    attempt: Attempt,
    *,
    base: int = 0,
    segments: Sequence[SegmentResult] = (segment_result(1),),
    as_of_ms: int = NOW_MS,
    number: int = 0,
    behind: IngestLag | None = None,
) -> Publication:
    result = SucceededResult(
        run_id=attempt.run_id, tenant_id=tenant_id, at=NOW, segments=tuple(segments), behind=behind
    )
    return Publication(
        tenant_id=tenant_id,
        attempt=attempt,
        base_run_id=base,
        as_of_ms=as_of_ms,
        at=NOW,
        result=result,
        number=number,
    )


def outcome(
    segment_id: int,
    members: Sequence[int],
    *,
    entered: Sequence[int] = (),
    exited: Sequence[int] = (),
    base: SegmentHead | None = None,
    unreported: Difference | None = None,
) -> SegmentOutcome:
    return SegmentOutcome(
        segment_id=segment_id,
        version=1,
        members=BitMap(members),
        base=base,
        entered=BitMap(entered),
        exited=BitMap(exited),
        published=True,
        unreported=unreported,
    )


async def number_users(ports: Ports, tenant_id: int, *user_ids: str, at: int = NOW_MS - 1_000) -> dict[str, int]:
    """Store an event of each user, number them from 1, and return the numbers."""
    await ports.store_events(tenant_id, [event(user_id, at=at) for user_id in user_ids])
    await ports.profiles.assign_numbers(tenant_id, 1, len(user_ids), 1)
    names = await ports.profiles.user_ids(tenant_id, range(1, len(user_ids) + 1))
    return {user_id: number for number, user_id in names.items()}


async def publish(
    ports: Ports,
    tenant_id: int,
    attempt: Attempt,
    outcomes: Sequence[SegmentOutcome],
    *,
    number: int,
    as_of_ms: int,
    at: datetime = NOW,
) -> None:
    """Store outcomes with their changes and make them visible."""
    await ports.results.write_outcomes(tenant_id, attempt, outcomes, as_of_ms, at)
    await ports.results.write_changes(tenant_id, attempt, outcomes, at)
    segments = [segment_result(outcome.segment_id) for outcome in outcomes]
    visible = replace(publication(tenant_id, attempt, segments=segments, number=number, as_of_ms=as_of_ms), at=at)
    await ports.results.make_visible(tenant_id, visible)


def portion(
    tenant_id: int,
    version: int,
    *,
    segment_id: int = 7,
    add: Sequence[str] = (),
    remove: Sequence[str] = (),
    kind: Literal["change", "replacement"] = "change",
) -> StaticMembersChanged:
    return StaticMembersChanged(
        tenant_id=tenant_id,
        segment_id=segment_id,
        list_version=version,
        base_version=version - 1,
        part=1,
        parts=1,
        replace=kind == "replacement",
        add=tuple(add),
        remove=tuple(remove),
    )


def list_of(since: int, until: int, *, segment_id: int = 7) -> StaticListPredicate:
    return StaticListPredicate(segment_id, since, until)
