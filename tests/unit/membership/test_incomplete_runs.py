"""Runs that could not see every acknowledged event: what they say, and what is reported of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import pytest

from segops_common.contracts.jobs import IngestLag
from segops_language import Group
from segops_membership.domain.predicates import (
    EVERYONE,
    NO_ONE,
    AllOf,
    AnyOf,
    Expression,
    Not,
    Reference,
    StaticListPredicate,
    reads_events,
)
from tests.corpus.builders import NOW, count, event, group, job
from tests.unit.membership.harness import TENANT, Crash, MembershipInMemory

LAG: Final = IngestLag(positions=3, seconds=7.5)
LOGGED_IN, BOUGHT, NOBODY = group(count()), group(count("purchase")), group(logic="OR")
LIST: Final = StaticListPredicate(1, 1, 1)
Change = tuple[int, str, str]


async def compute(membership: MembershipInMemory, run_id: int, definition: Group, *users: str) -> None:
    """Store a login of each user, then compute segment 10."""
    membership.store(*(event(user) for user in users))
    await membership.compute.run(job(TENANT, run_id, {10: definition}, as_of=NOW + timedelta(seconds=run_id)))


def reported(membership: MembershipInMemory) -> list[tuple[int, str, str]]:
    """Return run, user and change of everything reported, in order."""
    return [(run, user, change) for _, run, (_, user, change) in membership.reporter.changes]


async def test_a_run_without_all_acknowledged_events_says_how_far_behind_it_is(membership: MembershipInMemory) -> None:
    membership.watermark.lag = LAG
    await compute(membership, 1, LOGGED_IN, "ada")
    assert membership.succeeded().behind == LAG
    assert await membership.segments_of("ada") == [(10,)]
    membership.watermark.lag = None
    await compute(membership, 2, LOGGED_IN)
    assert membership.succeeded().behind is None


async def test_changes_of_incomplete_runs_are_reported_once_by_the_next_complete_one(
    membership: MembershipInMemory,
) -> None:
    await compute(membership, 1, LOGGED_IN, "ada")
    assert reported(membership) == [(1, "ada", "entered")]
    membership.watermark.lag = LAG
    await compute(membership, 2, LOGGED_IN, "bob")
    await compute(membership, 3, BOUGHT)
    await compute(membership, 4, LOGGED_IN, "cyd")
    assert reported(membership) == [(1, "ada", "entered")]
    assert await membership.segments_of("ada", "bob", "cyd") == [(10,)] * 3

    membership.watermark.lag = None
    await compute(membership, 5, LOGGED_IN)
    assert reported(membership)[1:] == [(5, "bob", "entered"), (5, "cyd", "entered")]
    (segment,) = membership.succeeded().segments
    assert (segment.entered, segment.exited) == (0, 0), "the run itself changed nothing that is served"
    await compute(membership, 6, NOBODY)
    assert sorted(reported(membership)[3:]) == [(6, user, "exited") for user in ("ada", "bob", "cyd")]


async def test_the_first_complete_run_reports_all_members_after_incomplete_ones(membership: MembershipInMemory) -> None:
    membership.watermark.lag = LAG
    await compute(membership, 1, LOGGED_IN, "ada")
    await compute(membership, 2, LOGGED_IN, "bob")
    membership.watermark.lag = None
    await compute(membership, 3, LOGGED_IN)
    assert reported(membership) == [(3, "ada", "entered"), (3, "bob", "entered")]


@pytest.mark.parametrize("point", ["after_append", "after_result", "before_announce", "amid_announce"])
async def test_what_was_withheld_is_reported_once_after_a_crash(membership: MembershipInMemory, point: str) -> None:
    membership.watermark.lag = LAG
    await compute(membership, 1, LOGGED_IN, "ada")
    membership.watermark.lag = None
    with membership.crash_at(point), pytest.raises(Crash):
        await compute(membership, 2, LOGGED_IN)
    await compute(membership, 2, LOGGED_IN)
    assert reported(membership) == [(2, "ada", "entered")]


async def test_segments_that_no_event_can_change_do_not_wait(membership: MembershipInMemory) -> None:
    membership.watermark.lag = LAG
    await compute(membership, 1, LOGGED_IN, "ada")
    await compute(membership, 2, NOBODY)
    await membership.replace_list(30, 1, ["listed"])
    await membership.compute.run(job(TENANT, 3, {}, lists={30: 1}))
    assert membership.watermark.waits == 1
    assert membership.succeeded().behind is None
    assert reported(membership) == [(3, "listed", "entered")], "nothing was reported of ada, so nothing is taken back"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (NO_ONE, False),
        (EVERYONE, True),
        (LIST, False),
        (Not(LIST), True),
        (AllOf((LIST, AnyOf((LIST,)))), False),
        (AllOf((LIST, Not(LIST))), True),
        (Reference(1, LIST), False),
        (Reference(1, EVERYONE), True),
    ],
)
def test_an_expression_reads_events_when_the_universe_or_a_predicate_does(
    expression: Expression, expected: bool
) -> None:
    assert reads_events(expression) is expected


async def test_a_preview_says_that_events_are_missing_and_is_not_cached(membership: MembershipInMemory) -> None:
    membership.store(event("ada"))
    membership.watermark.lag = LAG
    incomplete = await membership.previews.preview(TENANT, LOGGED_IN, segment_id=None, as_of=None)
    assert incomplete.reading.behind == LAG
    membership.watermark.lag = None
    membership.store(event("bob"))
    complete = await membership.previews.preview(TENANT, LOGGED_IN, segment_id=None, as_of=None)
    assert (complete.reading.behind, complete.members.count) == (None, 2)
