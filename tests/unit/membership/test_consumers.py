"""Event-log consumers: which records they accept, and what becomes of bad ones."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from segops_common.contracts.jobs import FailedResult, SegmentChanged, StaticMembersChanged
from segops_common.streams.log import Record
from segops_common.streams.loop.batches import BadRecords, Batch
from segops_membership.consumers.compute import ComputeJobs
from segops_membership.consumers.definitions import SegmentChanges
from segops_membership.consumers.static_members import StaticMembers
from tests.corpus.builders import count, event, group, job
from tests.unit.membership.harness import TENANT, MembershipInMemory

FIRST_OFFSET = 40


def batch(*values: bytes) -> Batch:
    records = tuple(Record(offset=FIRST_OFFSET + i, key=b"key", value=value) for i, value in enumerate(values))
    last = FIRST_OFFSET + len(values) - 1
    return Batch(topic="t", partition=0, first_offset=FIRST_OFFSET, last_offset=last, records=records)


def lines(*models: BaseModel) -> bytes:
    return b"".join(model.model_dump_json().encode() + b"\n" for model in models)


def bad(error: pytest.ExceptionInfo[BadRecords]) -> list[tuple[int, str]]:
    return [(record.offset - FIRST_OFFSET, record.code) for record in error.value.records]


def change(version: int, *, segment_id: int = 1) -> SegmentChanged:
    return SegmentChanged(
        tenant_id=TENANT,
        segment_id=segment_id,
        version=version,
        definition=group(count()),
        refresh="manual",
        deleted=False,
    )


def portion(version: int, part: int, parts: int) -> StaticMembersChanged:
    return StaticMembersChanged(
        tenant_id=TENANT, segment_id=7, list_version=version, base_version=version - 1, part=part, parts=parts
    )


async def test_jobs_run_and_a_record_that_names_no_run_is_bad(membership: MembershipInMemory) -> None:
    membership.store(event("ada"))
    jobs = lines(job(TENANT, 1, {10: group(count())}), job(TENANT, 2, {20: group(count())}))
    with pytest.raises(BadRecords) as error:
        await ComputeJobs(compute=membership.compute).handle(batch(b"no job\n", jobs))
    assert bad(error) == [(0, "not-a-compute-job")]
    assert await membership.segments_of("ada") == [(10, 20)]


async def test_a_job_of_a_newer_version_is_reported_as_failed(membership: MembershipInMemory) -> None:
    newer = b'{"run_id": 3, "tenant_id": 1, "segments": [{"definition": "of a newer version"}]}\n'
    await ComputeJobs(compute=membership.compute).handle(batch(newer))
    (result,) = membership.reporter.results
    assert isinstance(result, FailedResult)
    assert (result.tenant_id, result.run_id) == (TENANT, 3)


async def test_changes_of_segments_are_kept_and_others_are_bad(membership: MembershipInMemory) -> None:
    changes = batch(lines(change(2), change(1)), b'{"tenant_id": 1}\n', b"\n", lines(change(1, segment_id=2)))
    with pytest.raises(BadRecords) as error:
        await SegmentChanges(definitions=membership.definitions).handle(changes)
    assert bad(error) == [(1, "not-a-segment-change")]
    definitions = await membership.definitions.of_tenant(TENANT)
    assert {id: definition.version for id, definition in definitions.items()} == {1: 2, 2: 1}


async def test_portions_are_stored_and_the_first_after_a_gap_is_bad(membership: MembershipInMemory) -> None:
    portions = [portion(1, 1, 1), portion(2, 1, 3), portion(2, 3, 3), portion(2, 3, 3)]
    values = [item.model_dump_json().encode() for item in portions]
    with pytest.raises(BadRecords) as error:
        await StaticMembers(lists=membership.lists).handle(batch(*values, b"no portion"))
    # Equal portions are bad together: which of two equal records was first is not known.
    assert bad(error) == [(4, "not-a-list-portion"), (2, "portion-missing"), (3, "portion-missing")]
