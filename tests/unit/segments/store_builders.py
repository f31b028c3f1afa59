"""Values that tests put into the store."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from segops_language import Group, parse_definition
from segops_segments.domain.run import Run, RunRequest
from segops_segments.domain.segment import NOBODY, NewSegment, Segment, Version
from segops_segments.ports.outbox import Outbox
from segops_segments.ports.transactions import WriteUnit

NOW = datetime(2026, 1, 31, 9, 0, 0, 123_000, tzinfo=UTC)


def definition(value: float = 1) -> Group:
    condition = {"type": "user_property", "property": "a", "operator": "eq", "value": value}
    return parse_definition({"logic": "AND", "conditions": [condition]})


def referring(*segment_ids: int) -> Group:
    conditions = [{"type": "segment", "segment_id": segment_id} for segment_id in segment_ids]
    return parse_definition({"logic": "AND", "conditions": conditions})


def new_segment(tenant_id: int, name: str = "Loyal", group: Group = NOBODY) -> NewSegment:
    return NewSegment(
        tenant_id=tenant_id, name=name, segment_type="rule", definition=group, description="d", refresh="manual"
    )


def run_request(*, as_of: datetime = NOW, fixed: bool = False) -> RunRequest:
    return RunRequest(as_of=as_of, fixed=fixed, requested_by="user:1", requested_at=NOW)


def version_of(segment: Segment, number: int = 1) -> Version:
    return Version(
        segment_id=segment.id, number=number, definition=definition(number), created_at=NOW, created_by="user:1"
    )


async def add_run(unit: WriteUnit, *segments: Segment, as_of: datetime = NOW, fixed: bool = False) -> Run:
    """Store a queued run of version 1 of these segments of one tenant."""
    versions = {segment.id: 1 for segment in segments}
    return await unit.add_run(segments[0].tenant_id, run_request(as_of=as_of, fixed=fixed), versions)


async def save_parts(unit: WriteUnit, run: Run, **changes: Any) -> Run:
    """Store the run with these fields changed in every part."""
    after = Run(tuple(replace(part, **changes) for part in run.parts))
    await unit.save_run(run.tenant_id, run, after)
    return after


async def dispatch(unit: WriteUnit, run: Run, *, lease_until: datetime = NOW) -> Run:
    """Put a job of the run into the outbox and store that."""
    versions = {
        part.segment_id: Version(
            segment_id=part.segment_id, number=1, definition=definition(), created_at=NOW, created_by="user:1"
        )
        for part in run.parts
    }
    message_id = await unit.put_job(run.tenant_id, run.to_job(versions, static=()))
    dispatched = run.dispatch(message_id, lease_until)
    await unit.save_run(run.tenant_id, run, dispatched)
    return dispatched


async def drain(outbox: Outbox) -> list[tuple[int, int]]:
    """Mark all messages as sent; return (tenant, message) in the order in which they were claimed."""
    sent = []
    while True:
        async with outbox.claim(100) as claim:
            for message in claim.messages:
                await claim.mark_sent(message.id, NOW)
                sent.append((message.tenant_id, message.id))
            if not claim.messages:
                return sent
