"""Previews and plans on real engines: exact, cached between edits, and exact again when profiles are new."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from itertools import permutations
from random import Random

import pytest

from segops_common.contracts.jobs import StaticMembersChanged
from segops_common.core.clock import SystemClock
from segops_common.core.problems import NotFound, RateLimited, Unavailable, ValidationFailed
from segops_language import Group, walk
from segops_language.events import Event
from segops_language.reference.evaluate import NO_USERS, evaluate
from segops_language.values.instants import from_ms, to_ms
from segops_membership.adapters.clickhouse.evaluation import ClickHouseEvaluation
from segops_membership.compiler.definitions import compile_definition
from segops_membership.domain.predicates import predicates_of
from segops_membership.ports.evaluation import QueryRefused
from segops_membership.service.analysis.admission import Admission
from segops_membership.service.analysis.previews import Preview
from segops_membership.service.tenant_lease import LeaseHolder
from tests.corpus.builders import NOW, NOW_MS, count, event, group, job, new_tenant
from tests.corpus.scenario import Scenario
from tests.integration.membership.analysis import define, use_cases_of
from tests.integration.membership.harness import MembershipHarness

SEGMENT = 7
PRO: dict[str, object] = {"type": "user_property", "property": "plan", "operator": "eq", "value": "pro"}
EVENTS = [
    event("a", "buy"),
    event("a", "buy"),
    event("a", "visit", path="/pricing"),
    event("b", "buy", at=NOW_MS - 86_400_000),
    event("b", "$identify", plan="pro"),
    event("c", "visit", path="/"),
    event("c", "$identify", plan="free"),
    event("d", "visit", path="/pricing"),
]
EVERY_TYPE = group(
    count("buy", "lt", 2),
    {"type": "event_time", "event_type": "buy", "occurrence": "last", "operator": "not_within_last", "value": "1h"},
    {
        "type": "event_match",
        "event_type": "visit",
        "occurrence": "last",
        "has": [{"property": "path", "operator": "eq", "value": "/pricing"}],
        "negate": True,
    },
    {"type": "event_regularity", "event_type": "buy", "period": "1d", "of": 2, "at_least": 1},
    PRO,
    {"type": "segment", "segment_id": 20},
    {"type": "sample", "percent": 100},
    count("visit", "gte", 1, per="path"),
    {
        "type": "event_aggregate",
        "event_type": "visit",
        "property": "path",
        "function": "distinct",
        "operator": "eq",
        "value": 0,
    },
    {"logic": "OR", "conditions": [PRO, count("visit")], "negate": True},
)


def listing(tenant: int, segment_id: int, version: int, users: Collection[str]) -> StaticMembersChanged:
    """Return a change that makes these users the list of a static segment."""
    return StaticMembersChanged(
        tenant_id=tenant,
        segment_id=segment_id,
        list_version=version,
        base_version=version - 1,
        replace=True,
        part=1,
        parts=1,
        add=tuple(sorted(users)),
    )


async def previewed(harness: MembershipHarness, tenant: int, definition: Group, **more: int) -> Preview:
    previews = use_cases_of(harness).previews
    return await previews.preview(tenant, definition, segment_id=more.get("segment_id"), as_of=NOW)


def assert_exact(
    preview: Preview,
    definition: Group,
    events: Collection[Event],
    segment_id: int,
    references: Mapping[int, Group],
    lists: Mapping[int, frozenset[str]] = NO_USERS,
) -> None:
    """Compare the whole and every single node with the reference, over the universe of the whole."""

    def members(group: Group) -> frozenset[str]:
        return evaluate(group, events, NOW_MS, segment_id=segment_id, references=references, lists=lists)

    expected = members(definition)
    everyone = Group(logic="OR", conditions=(Group(logic="AND", conditions=()), definition))
    assert preview.universe == len(members(everyone))
    assert preview.members.count == len(expected)
    assert set(preview.members.sample) <= expected
    assert len(preview.members.sample) == len(set(preview.members.sample)) == min(10, len(expected))
    nodes = dict(list(walk(definition))[1:])
    assert [share.path for share in preview.per_condition] == list(nodes)
    for share in preview.per_condition:
        alone = Group(logic="AND", conditions=(nodes[share.path], everyone))
        assert (share.kept, share.kept + share.dropped) == (len(members(alone)), preview.universe), share.path


async def test_a_preview_of_every_condition_type_is_exact(harness: MembershipHarness) -> None:
    tenant = new_tenant()
    inner = group(count("buy"))
    await harness.insert(tenant, EVENTS)
    await define(harness, tenant, {20: inner})

    result = await previewed(harness, tenant, EVERY_TYPE, segment_id=SEGMENT)

    assert_exact(result, EVERY_TYPE, EVENTS, SEGMENT, {20: inner})
    assert [share.kept for share in result.per_condition] == [3, 3, 2, 2, 1, 2, 4, 3, 1, 0, 1, 3]


@pytest.mark.parametrize("seed", range(8))
async def test_a_preview_of_any_definition_in_any_world_is_exact(harness: MembershipHarness, seed: int) -> None:
    scenario = Scenario(Random(seed))
    tenant = new_tenant()
    await harness.insert(tenant, scenario.events)
    await define(harness, tenant, dict.fromkeys(scenario.lists, group(logic="OR")))
    for static, users in scenario.lists.items():
        await harness.lists.store([listing(tenant, static, 1, users)])
    use_cases = use_cases_of(harness)
    for segment_id in range(1, 4):
        references = dict(scenario.references)
        definition = scenario.definition(segment_id)
        preview = await use_cases.previews.preview(tenant, definition, segment_id=segment_id, as_of=NOW)

        assert_exact(preview, definition, scenario.events, segment_id, references, scenario.lists)
        await define(harness, tenant, {segment_id: definition})


async def test_an_edit_of_one_condition_reads_only_that_one(harness: MembershipHarness) -> None:
    tenant = new_tenant()
    names = [f"type {index}" for index in range(6)]
    events = [event(f"u{user}", name) for index, name in enumerate(names) for user in range(index + 1)]
    await harness.insert(tenant, events)
    previews = use_cases_of(harness).previews
    before = group(*(count(name, "lt", 1) for name in names), logic="OR")
    edited = group(*(count(name, "lt", 1) for name in names[:5]), count(names[5], "gte", 2), logic="OR")

    first = await previews.preview(tenant, before, segment_id=None, as_of=NOW)
    again = await previews.preview(tenant, before, segment_id=None, as_of=NOW)
    third = await previews.preview(tenant, edited, segment_id=None, as_of=NOW)

    readings = [answer.reading for answer in (first, again, third)]
    assert [(len(answer.members), answer.cached_predicates) for answer in readings] == [(6, 0), (6, 6), (6, 5)]
    assert (again.reading.rows_read, again.members) == (0, first.members)
    assert 0 < third.reading.rows_read < first.reading.rows_read
    assert third.members.count == len(evaluate(edited, events, NOW_MS, segment_id=1))
    (new,) = predicates_of(compile_definition(edited, NOW_MS, segment_id=1)) - first.reading.members.keys()
    alone = await ClickHouseEvaluation(clickhouse=harness.clickhouse).evaluate(tenant, [new], NOW_MS)
    # Everybody is known already.
    assert third.reading.rows_read < alone.rows_read


async def test_without_an_instant_the_newest_is_shared_for_a_moment(harness: MembershipHarness) -> None:
    tenant, other = new_tenant(), new_tenant()
    await harness.insert(tenant, EVENTS)
    previews = use_cases_of(harness).previews
    started = to_ms(SystemClock().now())

    first = await previews.preview(tenant, group(PRO), segment_id=None, as_of=None)
    second = await previews.preview(tenant, group(PRO), segment_id=None, as_of=None)
    elsewhere = await previews.preview(other, group(PRO), segment_id=None, as_of=None)
    given_back = await previews.preview(tenant, group(PRO), segment_id=None, as_of=from_ms(first.reading.as_of_ms))

    assert first.reading.as_of_ms >= started
    assert second.reading.as_of_ms == given_back.reading.as_of_ms == first.reading.as_of_ms
    assert (second.reading.cached_predicates, given_back.reading.cached_predicates) == (1, 1)
    assert elsewhere.reading.as_of_ms >= first.reading.as_of_ms
    assert (elsewhere.reading.cached_predicates, elsewhere.members.count) == (0, 0)


async def test_new_profiles_count_at_once_and_keep_their_numbers_in_the_next_run(harness: MembershipHarness) -> None:
    tenant = new_tenant()
    bought = group(count("buy"))
    await harness.insert(tenant, EVENTS)
    assert (await previewed(harness, tenant, bought)).members.count == 2
    await harness.insert(tenant, [event("new", "buy")])

    result = await previewed(harness, tenant, bought)
    await harness.compute.run(job(tenant, 1, {1: bought}))

    assert (result.members.count, result.reading.pending_profiles) == (3, 0)
    assert set(result.members.sample) == {"a", "b", "new"}
    assert [await harness.segments_of(tenant, user) for user in ("a", "b", "new", "c")] == [(1,), (1,), (1,), ()]
    rows = await harness.clickhouse.query(
        "SELECT count(), uniqExact(n), uniqExact(user_key) FROM profiles WHERE tenant_id = {t:UInt64}", {"t": tenant}
    )
    assert [int(row) for row in rows.rows[0]] == [5, 5, 5]


async def test_beside_a_run_that_holds_the_tenant_a_preview_says_what_it_leaves_out(harness: MembershipHarness) -> None:
    tenant = new_tenant()
    bought = group(count("buy", "lt", 1))
    await harness.insert(tenant, EVENTS)
    previews = use_cases_of(harness).previews
    await previews.preview(tenant, bought, segment_id=None, as_of=NOW - timedelta(days=1))
    await harness.insert(tenant, [event("new"), event("newer")])
    leases = LeaseHolder(leases=harness.leases, holder="run", ttl=timedelta(seconds=20), clock=SystemClock())

    async with leases.hold(tenant):
        during = await previews.preview(tenant, bought, segment_id=None, as_of=NOW)
    after = await previews.preview(tenant, bought, segment_id=None, as_of=NOW)

    assert (during.members.count, during.universe, during.reading.pending_profiles) == (2, 4, 2)
    assert (after.members.count, after.universe, after.reading.pending_profiles) == (4, 6, 0)


async def test_a_plan_compares_both_definitions_as_of_one_instant(harness: MembershipHarness) -> None:
    tenant = new_tenant()
    await harness.insert(tenant, EVENTS)
    present, proposed = group(count("buy")), group(count("visit"))
    leads_here = group({"type": "segment", "segment_id": SEGMENT})
    through = group({"type": "segment", "segment_id": 8}, PRO)
    await define(harness, tenant, {SEGMENT: present, 8: leads_here, 9: through, 10: group(PRO)}, version=3)

    plan = await use_cases_of(harness).previews.plan([tenant], SEGMENT, proposed, as_of=NOW)

    old, new = (evaluate(stored_event, EVENTS, NOW_MS, segment_id=SEGMENT) for stored_event in (present, proposed))
    assert (plan.segment_id, plan.version, plan.dependents) == (SEGMENT, 3, (8, 9))
    assert (plan.before, plan.after, plan.staying) == (len(old), len(new), len(old & new))
    assert plan.entering.count + plan.staying == plan.after
    assert plan.leaving.count + plan.staying == plan.before
    assert set(plan.entering.sample) == new - old == {"c", "d"}
    assert set(plan.leaving.sample) == old - new == {"b"}


async def test_a_plan_compares_two_definitions_neither_of_which_is_the_present_one(harness: MembershipHarness) -> None:
    tenant = new_tenant()
    await harness.insert(tenant, EVENTS)
    first, second, present = group(count("buy")), group(count("visit")), group(PRO)
    await define(harness, tenant, {SEGMENT: present}, version=3)

    plan = await use_cases_of(harness).previews.plan([tenant], SEGMENT, second, base=first, as_of=NOW)

    old, new = (evaluate(item, EVENTS, NOW_MS, segment_id=SEGMENT) for item in (first, second))
    assert (plan.version, plan.before, plan.after) == (3, len(old), len(new))
    assert (plan.diff.removed, plan.diff.added) == (('count "buy" gte 1',), ('count "visit" gte 1',))
    assert set(plan.entering.sample) == new - old == {"c", "d"}
    assert set(plan.leaving.sample) == old - new == {"b"}


async def test_a_plan_of_the_same_definition_changes_nothing_even_with_samples(harness: MembershipHarness) -> None:
    tenant = new_tenant()
    half = group({"type": "sample", "percent": 50})
    await harness.insert(tenant, [event(f"u{index}") for index in range(64)])
    await define(harness, tenant, {SEGMENT: half})

    plan = await use_cases_of(harness).previews.plan([tenant], SEGMENT, half, as_of=NOW)

    assert (plan.entering.count, plan.leaving.count) == (0, 0)
    assert 0 < plan.before == plan.after == plan.staying < 64


async def test_nobody_else_has_the_segment(harness: MembershipHarness) -> None:
    tenant, other = new_tenant(), new_tenant()
    segment = tenant
    await define(harness, tenant, {segment: group(PRO)})
    previews = use_cases_of(harness).previews

    for tenants in ([other], []):
        with pytest.raises(NotFound):
            await previews.plan(tenants, segment, group(PRO), as_of=NOW)


async def test_overlaps_of_what_is_published(harness: MembershipHarness) -> None:
    tenant, other = new_tenant(), new_tenant()
    definitions = {1: group(count("buy")), 2: group(count("visit")), 3: group(PRO), 4: group()}
    await harness.insert(tenant, EVENTS)
    await define(harness, tenant, definitions)
    await define(harness, other, {5: group()})
    await harness.compute.run(job(tenant, 1, {id: definition for id, definition in definitions.items() if id != 4}))
    overlaps = use_cases_of(harness).overlaps

    overlap = await overlaps.overlap(tenant, (3, 1, 4, 2))

    members = {id: evaluate(definitions[id], EVENTS, NOW_MS, segment_id=id) for id in (1, 2, 3)} | {4: frozenset()}
    assert list(overlap.sizes.items()) == [(id, len(members[id])) for id in (3, 1, 4, 2)]
    assert list(overlap.intersections) == [(3, 1), (3, 4), (3, 2), (1, 4), (1, 2), (4, 2)]
    for pair, size in overlap.intersections.items():
        assert size == len(members[pair[0]] & members[pair[1]])
    for expected in permutations((1, 5)):
        with pytest.raises(NotFound):
            await overlaps.overlap(tenant, expected)


async def test_who_is_too_many_is_told_to_come_back(harness: MembershipHarness) -> None:
    tenant, other, third = new_tenant(), new_tenant(), new_tenant()
    admission = Admission(per_tenant=1, per_process=2)
    previews = use_cases_of(harness, admission=admission).previews

    with admission.admitted(tenant):
        with pytest.raises(RateLimited) as limited:
            await previews.preview(tenant, group(PRO), segment_id=None, as_of=NOW)
        with admission.admitted(other), pytest.raises(Unavailable) as overloaded:
            await previews.preview(third, group(PRO), segment_id=None, as_of=NOW)
    preview = await previews.preview(tenant, group(PRO), segment_id=None, as_of=NOW)

    assert (limited.value.slug, limited.value.headers["Retry-After"]) == ("rate-limited", "1")
    assert (overloaded.value.slug, overloaded.value.headers["Retry-After"]) == ("overloaded", "1")
    assert preview.members.count == 0


async def test_a_statement_that_takes_too_long_is_refused(harness: MembershipHarness) -> None:
    tenant = new_tenant()
    await harness.insert(tenant, [event(f"u{index}", "visit", path="a" * 60) for index in range(3000)])
    slow = group(
        *(
            count("visit", where=[{"property": "path", "operator": "matches", "value": f"(a|aa)+{index}$"}])
            for index in range(60)
        )
    )
    previews = use_cases_of(harness, timeout_s=0.001).previews

    with pytest.raises(ValidationFailed) as refusal:
        await previews.preview(tenant, slow, segment_id=None, as_of=NOW)

    assert refusal.value.slug == "evaluation-refused"
    assert refusal.value.errors[0].path == "definition"
    assert "exceeds the limit on time" in refusal.value.errors[0].detail
    assert isinstance(refusal.value.__cause__, QueryRefused)


async def test_a_list_that_was_changed_is_waited_for_and_its_users_are_profiles(harness: MembershipHarness) -> None:
    tenant = new_tenant()
    refers: dict[str, object] = {"type": "segment", "segment_id": 30}
    await harness.insert(tenant, EVENTS)
    await define(harness, tenant, {30: group(logic="OR"), SEGMENT: group(PRO)})
    await harness.lists.store([listing(tenant, 30, 1, {"a", "unseen"})])
    previews = use_cases_of(harness).previews
    first = await previews.preview(tenant, group(count("buy")), segment_id=None, as_of=NOW)

    preview = await previews.preview(tenant, group(refers, {**PRO, "negate": True}), segment_id=None, as_of=NOW)
    await define(harness, tenant, {30: group(logic="OR")}, version=2)
    with pytest.raises(Unavailable):
        await previews.preview(tenant, group(refers), segment_id=None, as_of=NOW)
    await harness.lists.store([listing(tenant, 30, 2, {"later"})])
    later = await previews.preview(tenant, group(refers), segment_id=None, as_of=NOW)
    with pytest.raises(ValidationFailed) as refusal:
        await previews.plan([tenant], 30, group(PRO), as_of=NOW)

    assert (first.universe, preview.universe) == (4, 5)
    assert set(preview.members.sample) == {"a", "unseen"}
    assert [(share.kept, share.dropped) for share in preview.per_condition] == [(2, 3), (4, 1)]
    assert later.members.sample == ("later",)
    assert refusal.value.errors[0].path == "segment_id"
