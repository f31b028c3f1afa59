"""Explanations of a membership on memory adapters; what the reference evaluator says is tested with the language."""

from __future__ import annotations

import pytest

from segops_common.core.problems import NotFound, Unavailable, ValidationFailed
from segops_language import Group
from segops_membership.service.analysis.explain import MembershipExplanation
from tests.corpus.builders import NOW, NOW_MS, count, event, group
from tests.unit.membership.harness import TENANT, MembershipInMemory

LOGGED_IN = group(count())


def member_of(segment_id: int) -> dict[str, object]:
    return {"type": "segment", "segment_id": segment_id}


async def explain(
    membership: MembershipInMemory,
    user: str = "ada",
    *,
    segment_id: int | None = None,
    definition: Group | None = None,
) -> MembershipExplanation:
    return await membership.explain.explain(TENANT, user, segment_id=segment_id, definition=definition, as_of=NOW)


def is_member(explanation: MembershipExplanation) -> bool:
    return explanation.explanation.forecast.holds


async def test_a_segment_is_explained_by_its_current_definition(membership: MembershipInMemory) -> None:
    membership.store(event("ada"), event("later", at=NOW_MS + 1))
    await membership.define({10: LOGGED_IN}, version=3)
    explanations = [await explain(membership, user, segment_id=10) for user in ("ada", "later", "stranger")]
    assert [(is_member(item), item.has_events, item.version) for item in explanations] == [
        (True, True, 3),
        (False, False, 3),
        (False, False, 3),
    ]


async def test_an_unsaved_definition_has_no_version(membership: MembershipInMemory) -> None:
    membership.store(event("ada"))
    await membership.define({10: group(logic="OR"), 20: LOGGED_IN})
    for segment_id in (None, 10):
        explanation = await explain(membership, segment_id=segment_id, definition=group(member_of(20)))
        assert (is_member(explanation), explanation.version) == (True, None)


async def test_a_static_segment_is_explained_by_its_list(membership: MembershipInMemory) -> None:
    await membership.define({30: group(logic="OR"), 40: group(member_of(30))})
    await membership.replace_list(30, 1, ["ada"])
    assert [is_member(await explain(membership, segment_id=id)) for id in (30, 40)] == [True, True]
    assert not is_member(await explain(membership, "bob", segment_id=30))


async def test_forecasts_are_those_of_explanations(membership: MembershipInMemory) -> None:
    await membership.define(
        {
            10: LOGGED_IN,
            20: group(count(window={"last": "1d"})),
            30: group(member_of(20), logic="OR", negate=True),
            40: group(member_of(50)),
            50: group(logic="OR"),
            60: group({"type": "sample", "percent": 50, "seed": "s"}),
        }
    )
    await membership.replace_list(50, 1, ["ada"])
    membership.store(event("ada", at=NOW_MS - 3_600_000))
    for user in ("ada", "stranger"):
        forecasts = await membership.explain.forecasts(TENANT, user, (10, 20, 30, 40, 50, 60, 99))
        for id in (10, 20, 30, 40, 50, 60):
            explained = (await explain(membership, user, segment_id=id)).explanation.forecast
            assert (forecasts.by_segment[id], id, user) == (explained, id, user)
        assert 99 not in forecasts.by_segment
    ada = await membership.explain.forecasts(TENANT, "ada", (20,))
    day = ada.by_segment[20]
    assert (day.holds, day.next_change_ms, ada.stale_reason) == (True, NOW_MS + 23 * 3_600_000, None)


async def test_a_segment_that_does_not_exist_is_not_found(membership: MembershipInMemory) -> None:
    with pytest.raises(NotFound):
        await explain(membership, segment_id=99)


@pytest.mark.parametrize(
    ("referenced", "code"), [(99, "segment-not-found"), (10, "segment-cycle"), (20, "segment-cycle")]
)
async def test_a_definition_may_not_refer_to_nothing_or_to_itself(
    membership: MembershipInMemory, referenced: int, code: str
) -> None:
    await membership.define({10: LOGGED_IN, 20: group(member_of(10))})
    with pytest.raises(ValidationFailed) as error:
        await explain(membership, segment_id=10, definition=group(member_of(referenced)))
    faults = [(fault.path, fault.code) for fault in error.value.errors]
    assert faults == [("definition.conditions[0].segment_id", code)]


async def test_a_reference_that_has_not_arrived_is_retried(membership: MembershipInMemory) -> None:
    await membership.define({20: group(member_of(40))})
    with pytest.raises(Unavailable):
        await explain(membership, definition=group(member_of(20)))


async def test_a_user_with_too_many_events_is_refused(membership: MembershipInMemory) -> None:
    membership.store(*(event("ada") for _ in range(101)))
    with pytest.raises(ValidationFailed) as error:
        await explain(membership, definition=LOGGED_IN)
    assert error.value.slug == "too-many-events"
