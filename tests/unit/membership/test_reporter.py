"""Lines of changes are read back as they were reported, whatever the user's id."""

from __future__ import annotations

from datetime import UTC, datetime

from segops_common.contracts.jobs import MembershipChanged, SegmentResult, SucceededResult
from segops_common.contracts.topics import MEMBERSHIP_CHANGES, profile_key
from segops_common.core.clock import SystemClock
from segops_common.streams.log import MAX_RECORD_BYTES, partition_of
from segops_common.streams.memory import MemoryEventLog
from segops_common.telemetry.metrics import Metrics
from segops_membership.adapters.log.reporter import LogReporter
from segops_membership.domain.publication import Attempt, MemberChanges, Publication

AT = datetime(2026, 3, 1, 12, 0, 0, 120_000, tzinfo=UTC)
SEGMENT = SegmentResult(segment_id=42, version=3, size=0, entered=0, exited=6, digest="0" * 32, reason="definition")
PUBLICATION = Publication(
    tenant_id=7,
    number=1,
    attempt=Attempt(11, 3),
    base_run_id=0,
    as_of_ms=0,
    at=AT,
    result=SucceededResult(run_id=11, tenant_id=7, at=AT, segments=(SEGMENT,)),
)
USERS = ["user-1", 'say "hi"\\', '"user_id":""', "ü\n\u2028", "😀", " "]


async def told(log: MemoryEventLog, partition: int) -> list[bytes]:
    records = await log.tail(MEMBERSHIP_CHANGES, partition, 1_000)
    return [line for record in records for line in record.value.splitlines()]


async def test_a_line_is_what_the_model_would_write_in_the_users_partition() -> None:
    log = MemoryEventLog(clock=SystemClock())
    await log.ensure_topics([MEMBERSHIP_CHANGES])

    await LogReporter(log=log, metrics=Metrics()).report_changes(PUBLICATION, MemberChanges(42, "exited", USERS))

    for user_id in USERS:
        change = MembershipChanged(
            tenant_id=7,
            segment_id=42,
            user_id=user_id,
            change="exited",
            run_id=11,
            at=AT,
            version=3,
            reason="definition",
        )
        lines = await told(log, partition_of(MEMBERSHIP_CHANGES, profile_key(7, user_id)))
        assert lines.count(change.model_dump_json().encode()) == 1
    every = [line for partition in range(MEMBERSHIP_CHANGES.partitions) for line in await told(log, partition)]
    assert len(every) == len(USERS)


async def test_many_lines_become_several_records() -> None:
    log = MemoryEventLog(clock=SystemClock())
    await log.ensure_topics([MEMBERSHIP_CHANGES])
    users = [f"user-{n}" for n in range(70_000)]

    await LogReporter(log=log, metrics=Metrics()).report_changes(PUBLICATION, MemberChanges(42, "entered", users))

    records = [r for p in range(MEMBERSHIP_CHANGES.partitions) for r in await log.tail(MEMBERSHIP_CHANGES, p, 1_000)]
    assert all(record.size < MAX_RECORD_BYTES for record in records)
    assert sum(len(record.value) for record in records) > MEMBERSHIP_CHANGES.partitions * 512 * 1024
    messages = [MembershipChanged.model_validate_json(line) for r in records for line in r.value.splitlines()]
    assert sorted(item.user_id for item in messages) == sorted(users)


async def test_nobody_is_no_record() -> None:
    log = MemoryEventLog(clock=SystemClock())
    await log.ensure_topics([MEMBERSHIP_CHANGES])

    await LogReporter(log=log, metrics=Metrics()).report_changes(PUBLICATION, MemberChanges(42, "entered", []))

    assert set((await log.ends(MEMBERSHIP_CHANGES)).values()) <= {0}
