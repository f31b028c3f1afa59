"""Previews, plans, overlaps and explanations on memory adapters."""

from __future__ import annotations

import asyncio
import re
from contextlib import ExitStack
from datetime import timedelta

import pytest

from segops_common.contracts.jobs import StaticMembersChanged
from segops_common.core.problems import Conflict, NotFound, RateLimited, Unavailable, ValidationFailed
from segops_language import Group, parse_definition
from segops_membership.compiler.definitions import compile_definition
from segops_membership.domain.predicates import predicates_of
from segops_membership.service.analysis.admission import MAX_OPEN_PER_PROCESS
from segops_membership.service.analysis.previews import Plan, Preview
from tests.corpus.builders import NOW, NOW_MS, count, event, group, job
from tests.unit.membership.harness import LEASE, TENANT, MembershipInMemory

LOGGED_IN, BOUGHT, EVERYONE = group(count()), group(count("purchase")), group()


def member_of(segment_id: int) -> dict[str, object]:
    return {"type": "segment", "segment_id": segment_id}


async def preview(membership: MembershipInMemory, definition: Group, *, segment_id: int | None = None) -> Preview:
    return await membership.previews.preview(TENANT, definition, segment_id=segment_id, as_of=NOW)


async def plan(membership: MembershipInMemory, definition: Group, *, base: Group | None = None) -> Plan:
    return await membership.previews.plan((TENANT,), 10, definition, base=base, as_of=NOW)


def codes(error: pytest.ExceptionInfo[ValidationFailed]) -> list[tuple[str, str]]:
    return [(fault.path, fault.code) for fault in error.value.errors]


async def test_a_preview_counts_members_and_the_share_of_each_condition(membership: MembershipInMemory) -> None:
    membership.store(event("a"), event("b"), event("b", "purchase"), event("c", "purchase"))
    result = await preview(membership, group(count(), count("purchase")))
    assert (result.members.count, result.members.sample, result.universe) == (1, ("b",), 3)
    assert [(share.path, share.kept, share.dropped) for share in result.per_condition] == [
        ("definition.conditions[0]", 2, 1),
        ("definition.conditions[1]", 2, 1),
    ]
    assert result.reading.pending_profiles == 0


async def test_a_preview_shows_the_statements_with_their_values(membership: MembershipInMemory) -> None:
    text = "it's {p0:UInt64} \\ `"
    where = [{"property": "{p1:String}", "operator": "eq", "value": text}]
    sequence: dict[str, object] = {
        "type": "event_sequence",
        "steps": [{"event_type": "a"}, {"event_type": "b"}],
        "within": "1d",
    }
    result = await preview(membership, group(count(where=where), sequence))
    statements = result.sql.split("\n\n")
    assert [statement.partition("\n")[0] for statement in statements] == [
        "-- all profiles",
        *("-- 1 predicate",) * 3,
    ]
    assert all(statement.endswith(";") for statement in statements)
    assert "'it\\'s {p0:UInt64} \\\\ `'" in statements[1]
    outside = re.sub(r"`[^`]*`|'(?:[^'\\]|\\.)*'", "", result.sql)
    assert "{" not in outside
    assert f"tenant_id = {TENANT}" in outside


async def test_as_many_users_are_shown_as_the_caller_wants(membership: MembershipInMemory) -> None:
    membership.store(*(event(f"u{number:02}") for number in range(30)))
    samples = [
        (
            await membership.previews.preview(TENANT, LOGGED_IN, segment_id=None, as_of=NOW, sample_size=size)
        ).members.sample
        for size in (0, 3, 100)
    ]
    assert [len(set(sample)) for sample in samples] == [0, 3, 30]


async def test_an_estimate_counts_what_a_segment_would_have(membership: MembershipInMemory) -> None:
    membership.store(event("a"), event("b", "purchase"), event("late", at=NOW_MS + 3_600_000))
    await membership.define({10: LOGGED_IN, 20: group(member_of(10), member_of(30)), 30: EVERYONE})
    await membership.replace_list(30, 1, ["a", "listed"])
    estimates = [await membership.previews.estimate((TENANT,), segment_id) for segment_id in (10, 20, 30)]
    assert [(estimate.matched, estimate.universe) for estimate in estimates] == [(1, 2), (1, 3), (2, 3)]
    for tenant_ids, segment_id in (((TENANT,), 40), ((TENANT + 1,), 10), ((), 10)):
        with pytest.raises(NotFound):
            await membership.previews.estimate(tenant_ids, segment_id)


async def test_a_condition_that_became_several_is_counted_as_one(membership: MembershipInMemory) -> None:
    membership.store(event("a"), event("b", "purchase"))
    recency = {"type": "recency", "event_type": "login", "operator": "lt", "window_days": 1}
    sent = {"logic": "AND", "conditions": [{**recency, "operator": "gt"}, {"logic": "OR", "conditions": [recency]}]}
    result = await preview(membership, parse_definition(sent))
    assert [(share.path, share.kept) for share in result.per_condition] == [
        ("definition.conditions[0]", 0),
        ("definition.conditions[1]", 1),
        ("definition.conditions[1].conditions[0]", 1),
    ]


async def test_an_edit_reads_only_new_predicates(membership: MembershipInMemory) -> None:
    membership.store(event("a"))
    await preview(membership, group(count(), count("purchase")))
    membership.evaluation.evaluated.clear()
    edited = await preview(membership, group(count(), count("view")))
    assert (len(edited.reading.members), edited.reading.cached_predicates) == (2, 1)
    (new,) = membership.evaluation.evaluated
    assert set(new) == predicates_of(compile_definition(group(count("view")), NOW_MS, segment_id=0))


async def test_profiles_are_numbered_unless_a_run_holds_the_tenant(membership: MembershipInMemory) -> None:
    membership.store(event("a"))
    fence = await membership.leases.acquire(TENANT, "run", 10 * LEASE)
    waiting = asyncio.create_task(preview(membership, LOGGED_IN))
    await membership.until_asleep()
    membership.clock.advance(3)
    during = await waiting
    await membership.leases.release(TENANT, fence)
    after = await preview(membership, LOGGED_IN)
    assert [(answer.members.count, answer.reading.pending_profiles) for answer in (during, after)] == [(0, 1), (1, 0)]


async def test_users_of_a_list_are_in_the_universe(membership: MembershipInMemory) -> None:
    membership.store(event("a"))
    await membership.define({30: EVERYONE})
    await membership.replace_list(30, 1, ["a", "listed"])
    result = await preview(membership, group(member_of(30)))
    assert (result.members.count, result.universe) == (2, 2)


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        (group(member_of(99)), [("definition.conditions[0].segment_id", "segment-not-found")]),
        (group(member_of(10)), [("definition.conditions[0].segment_id", "segment-cycle")]),
        (group(member_of(20)), [("definition.conditions[0].segment_id", "segment-cycle")]),
    ],
)
async def test_a_definition_may_not_refer_to_nothing_or_to_itself(
    membership: MembershipInMemory, definition: Group, expected: list[tuple[str, str]]
) -> None:
    await membership.define({10: LOGGED_IN, 20: group(member_of(10))})
    with pytest.raises(ValidationFailed) as error:
        await preview(membership, definition, segment_id=10)
    assert codes(error) == expected


async def test_a_preview_of_the_future_is_refused(membership: MembershipInMemory) -> None:
    with pytest.raises(ValidationFailed) as error:
        await membership.previews.preview(TENANT, EVERYONE, segment_id=None, as_of=NOW + timedelta(minutes=1))
    assert codes(error) == [("as_of", "out-of-range")]


async def test_without_an_instant_a_recent_one_is_shared(membership: MembershipInMemory) -> None:
    membership.store(event("a"))
    instants = []
    for seconds in (0, 4, 4):
        membership.clock.advance(seconds)
        result = await membership.previews.preview(TENANT, LOGGED_IN, segment_id=None, as_of=None)
        instants.append(result.reading.as_of_ms - NOW_MS)
    assert instants == [0, 0, 8000]


async def test_a_refused_evaluation_is_a_fault_of_the_definition(membership: MembershipInMemory) -> None:
    membership.store(event("a"))
    membership.evaluation.refused = predicates_of(compile_definition(LOGGED_IN, NOW_MS, segment_id=0))
    with pytest.raises(ValidationFailed) as error:
        await preview(membership, LOGGED_IN)
    assert (error.value.slug, codes(error)) == ("evaluation-refused", [("definition", "evaluation-refused")])


async def test_an_incomplete_list_is_a_conflict(membership: MembershipInMemory) -> None:
    await membership.define({30: EVERYONE})
    late = StaticMembersChanged(tenant_id=TENANT, segment_id=30, list_version=1, base_version=0, part=2, parts=2)
    assert await membership.lists.store([late]) == [late]
    with pytest.raises(Conflict) as error:
        await preview(membership, group(member_of(30)))
    assert error.value.slug == "static-list-incomplete"


async def test_a_reference_that_has_not_arrived_is_retried(membership: MembershipInMemory) -> None:
    await membership.define({20: group(member_of(40))})
    with pytest.raises(Unavailable):
        await preview(membership, group(member_of(20)))


async def test_admission_limits_a_tenant(membership: MembershipInMemory) -> None:
    with membership.admission.admitted(TENANT), membership.admission.admitted(TENANT):
        with pytest.raises(RateLimited):
            await preview(membership, LOGGED_IN)
        with membership.admission.admitted(TENANT + 1):
            pass
    await preview(membership, LOGGED_IN)


async def test_admission_limits_the_process(membership: MembershipInMemory) -> None:
    with ExitStack() as previews:
        for tenant in range(2, 2 + MAX_OPEN_PER_PROCESS):
            previews.enter_context(membership.admission.admitted(tenant))
        with pytest.raises(Unavailable) as error:
            await preview(membership, LOGGED_IN)
        assert error.value.slug == "overloaded"
    await preview(membership, LOGGED_IN)


async def test_the_statements_of_a_definition_begin_with_the_universe(membership: MembershipInMemory) -> None:
    as_of_ms, queries = await membership.previews.queries(
        TENANT, group(count(), count("purchase")), segment_id=None, as_of=NOW
    )
    assert as_of_ms == NOW_MS
    assert queries[0].predicates == 0
    assert sum(query.predicates for query in queries) == 2
    assert membership.evaluation.evaluated == []


async def test_a_plan_names_who_enters_and_leaves(membership: MembershipInMemory) -> None:
    membership.store(event("a"), event("b"), event("b", "purchase"), event("c", "purchase"))
    await membership.define({10: LOGGED_IN, 20: group(member_of(10)), 30: group(member_of(20))})
    result = await plan(membership, BOUGHT)
    assert (result.before, result.after, result.staying, result.version) == (2, 2, 1, 1)
    assert (result.entering.sample, result.leaving.sample, result.dependents) == (("c",), ("a",), (20, 30))
    assert result.diff.text


async def test_a_plan_compares_with_the_base_that_is_given(membership: MembershipInMemory) -> None:
    membership.store(event("a"), event("b", "purchase"))
    await membership.define({10: LOGGED_IN})
    result = await plan(membership, EVERYONE, base=BOUGHT)
    assert (result.before, result.after, result.entering.sample) == (1, 2, ("a",))
    with pytest.raises(ValidationFailed) as error:
        await plan(membership, EVERYONE, base=group(member_of(99)))
    assert codes(error) == [("base_definition.conditions[0].segment_id", "segment-not-found")]


async def test_a_plan_needs_a_segment_that_has_a_definition(membership: MembershipInMemory) -> None:
    with pytest.raises(NotFound):
        await plan(membership, BOUGHT)
    await membership.define({10: EVERYONE})
    await membership.replace_list(10, 1, ["a"])
    with pytest.raises(ValidationFailed) as error:
        await plan(membership, BOUGHT)
    assert codes(error) == [("segment_id", "static")]


async def test_overlaps_are_those_of_published_members(membership: MembershipInMemory) -> None:
    membership.store(event("a"), event("b"), event("b", "purchase"), event("c", "purchase"))
    segments = {10: LOGGED_IN, 20: BOUGHT, 30: EVERYONE}
    await membership.define(segments)
    await membership.compute.run(job(TENANT, 1, {10: LOGGED_IN, 20: BOUGHT}))
    overlap = await membership.overlaps.overlap(TENANT, [20, 10, 30])
    assert list(overlap.sizes.items()) == [(20, 2), (10, 2), (30, 0)]
    assert overlap.intersections == {(20, 10): 1, (20, 30): 0, (10, 30): 0}
    with pytest.raises(NotFound):
        await membership.overlaps.overlap(TENANT, [10, 99])


def hang(membership: MembershipInMemory) -> asyncio.Event:
    """Let evaluations never end; return the event that one has begun."""
    begun = asyncio.Event()

    async def wait_forever() -> None:
        begun.set()
        await asyncio.Event().wait()

    membership.evaluation.before = wait_forever
    return begun


async def test_a_preview_that_takes_too_long_says_what_to_do_and_frees_its_slot(
    membership: MembershipInMemory,
) -> None:
    hang(membership)
    previews = membership.new_previews(timeout_s=0.05)
    for _ in range(3):
        with pytest.raises(Unavailable) as error:
            await previews.preview(TENANT, LOGGED_IN, segment_id=None, as_of=NOW)
        assert error.value.slug == "evaluation-too-slow"
        assert "compute it" in error.value.detail
    await membership.leases.acquire(TENANT, "another", LEASE)


async def test_a_preview_whose_caller_has_gone_frees_its_slot(membership: MembershipInMemory) -> None:
    for _ in range(3):
        begun = hang(membership)
        request = asyncio.create_task(preview(membership, LOGGED_IN))
        await begun.wait()
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
    membership.evaluation.before = None
    assert (await preview(membership, LOGGED_IN)).members.count == 0
