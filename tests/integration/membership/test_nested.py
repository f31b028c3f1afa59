"""Segments of segments, computed on real engines."""

from __future__ import annotations

import pytest

from segops_language import Group
from segops_language.reference.evaluate import evaluate
from tests.corpus.builders import NOW_MS, count, event, group, job, new_tenant
from tests.integration.membership.harness import MembershipHarness

LOGGED_IN = group(count())
BOUGHT = group(count("purchase"))
EVENTS = [
    event("both"),
    event("both", "purchase"),
    event("logs in"),
    event("buys", "purchase"),
    event("neither", "page_viewed"),
]


def member_of(segment_id: int, *, negate: bool = False) -> dict[str, object]:
    return {"type": "segment", "segment_id": segment_id, "negate": negate}


async def test_a_job_brings_the_definitions_it_refers_to(harness: MembershipHarness) -> None:
    tenant = new_tenant()
    await harness.insert(tenant, EVENTS)
    segments = {10: group(member_of(20), member_of(30, negate=True)), 11: group(member_of(40, negate=True))}
    references = {20: LOGGED_IN, 30: group(member_of(40)), 40: BOUGHT}

    await harness.compute.run(job(tenant, 1, segments, references=references))

    result = await harness.succeeded(tenant)
    assert [(segment.segment_id, segment.size) for segment in result.segments] == [(10, 1), (11, 2)]
    assert await harness.segments_of(tenant, "logs in") == (10, 11)
    assert await harness.segments_of(tenant, "neither") == (11,)
    # What is only referred to is not computed: its members enter by runs of its own.
    assert await harness.segments_of(tenant, "both") == ()
    for segment_id, definition in segments.items():
        expected = evaluate(definition, EVENTS, NOW_MS, segment_id=segment_id, references=references)
        members = {
            stored_event.profile_id
            for stored_event in EVENTS
            if segment_id in await harness.segments_of(tenant, stored_event.profile_id)
        }
        assert members == expected


async def test_a_segment_of_the_same_job_counts_by_the_job_even_when_it_is_superseded(
    harness: MembershipHarness,
) -> None:
    tenant = new_tenant()
    await harness.insert(tenant, EVENTS)
    await harness.compute.run(job(tenant, 2, {20: LOGGED_IN}))

    await harness.compute.run(job(tenant, 1, {10: group(member_of(20)), 20: BOUGHT}, references={20: LOGGED_IN}))

    assert [segment.segment_id for segment in (await harness.succeeded(tenant)).segments] == [10]
    assert await harness.segments_of(tenant, "buys") == (10,)
    assert await harness.segments_of(tenant, "logs in") == (20,)


async def test_a_changed_inner_definition_counts_from_the_next_run_on(harness: MembershipHarness) -> None:
    tenant = new_tenant()
    await harness.insert(tenant, EVENTS)
    outer = {10: group(member_of(20))}
    await harness.compute.run(job(tenant, 1, outer, references={20: LOGGED_IN}))

    await harness.compute.run(job(tenant, 2, outer, references={20: BOUGHT}))

    result = await harness.succeeded(tenant)
    assert [(segment.size, segment.entered, segment.exited) for segment in result.segments] == [(2, 1, 1)]
    changes = {(change.user_id, change.change) for change in await harness.changes(tenant) if change.run_id == 2}
    assert changes == {("buys", "entered"), ("logs in", "exited")}


@pytest.mark.parametrize(
    ("references", "reason"),
    [
        ({}, "segment 20"),
        ({20: group(member_of(10))}, "in a circle"),
        ({20: group(member_of(30)), 30: group(member_of(30))}, "circle: 30, 30"),
    ],
)
async def test_a_job_whose_references_lead_nowhere_fails(
    harness: MembershipHarness, references: dict[int, Group], reason: str
) -> None:
    tenant = new_tenant()
    await harness.insert(tenant, EVENTS)

    await harness.compute.run(job(tenant, 1, {10: group(member_of(20))}, references=references))

    result = await harness.failed(tenant)
    assert result.problem.type == "https://segops.dev/problems/reference-broken"
    assert reason in result.problem.detail
    assert (await harness.publications.head(tenant)).number == 0
    await harness.compute.run(job(tenant, 2, {10: LOGGED_IN}))
    assert await harness.segments_of(tenant, "both") == (10,)
