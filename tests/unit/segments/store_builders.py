"""What tests of the store keep in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from segops_language import Group, parse_definition
from segops_segments.domain.run import Evaluated, NewRun, Run, job_of
from segops_segments.domain.segment import NOBODY, NewSegment, Segment, Version
from segops_segments.ports.transactions import Outbox, WriteUnit

NOW = datetime(2026, 1, 31, 9, 0, 0, 123_000, tzinfo=UTC)


def definition(value: float = 1) -> Group:
    condition = {"type": "user_property", "property": "a", "operator": "eq", "value": value}
    return parse_definition({"logic": "AND", "conditions": [condition]})


def referring(*segment_ids: int) -> Group:
    conditions = [{"type": "segment", "segment_id": each} for each in segment_ids]
    return parse_definition({"logic": "AND", "conditions": conditions})


def new_segment(tenant_id: int, name: str = "Loyal", group: Group = NOBODY) -> NewSegment:
    return NewSegment(
        tenant_id=tenant_id, name=name, segment_type="rule", definition=group, description="d", refresh="manual"
    )


def new_run(segment: Segment, *, fixed: bool = False) -> NewRun:
    return NewRun(segment_id=segment.id, version=1, as_of=NOW, fixed=fixed, requested_by="user:1", requested_at=NOW)


def version_of(segment: Segment, number: int = 1) -> Version:
    return Version(
        segment_id=segment.id, number=number, definition=definition(number), created_at=NOW, created_by="user:1"
    )


async def announced(unit: WriteUnit, queued: Sequence[Run], *, lease_until: datetime = NOW) -> Run:
    [run] = queued
    segment_version = Version(
        segment_id=run.segment_id, number=1, definition=definition(), created_at=NOW, created_by="user:1"
    )
    message_id = await unit.announce_job(run.tenant_id, job_of([Evaluated(run=run, version=segment_version)]))
    saved = run.announced(message_id, lease_until)
    await unit.save_runs(run.tenant_id, [saved])
    return saved


async def drain(outbox: Outbox) -> list[tuple[int, int]]:
    """Mark everything as sent; (tenant, message) in the order it was given out."""
    sent = []
    while True:
        async with outbox.claim(100) as claim:
            for message in claim.messages:
                await claim.mark_sent(message.id, NOW)
                sent.append((message.tenant_id, message.id))
            if not claim.messages:
                return sent
