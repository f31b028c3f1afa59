"""The life of a run, whatever order the words about it come in."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from segops_common.contracts.jobs import (
    ComputeResult,
    ComputeResultMessage,
    RunCounts,
    RunPhase,
    RunProblem,
    RunProgress,
    RunStatus,
    SegmentResult,
)
from segops_language import parse_definition
from segops_segments.domain.references import MAX_REFERENCES, MAX_TOTAL_BYTES
from segops_segments.domain.run import LOST, Evaluated, Outcome, Run, advance, job_of
from segops_segments.domain.segment import NOBODY, Segment, Version

NOW = datetime(2026, 1, 31, 9, tzinfo=UTC)
LEASE = timedelta(minutes=15)
QUEUED = Run(
    id=17,
    tenant_id=1,
    segment_id=42,
    version=2,
    state="queued",
    as_of=NOW,
    fixed=False,
    requested_by="user:1",
    requested_at=NOW,
    attempts=1,
    lease_until=NOW + LEASE,
    message_id=5,
)


PROBLEM = RunProblem(type="t", title="t", detail="d")


def word(status: RunStatus, seconds: int, **more: object) -> ComputeResult:
    at = NOW + timedelta(seconds=seconds)
    values = {"run_id": 17, "tenant_id": 1, "status": status, "at": at, "problem": PROBLEM, **more}
    return ComputeResultMessage.model_validate(values).root


DONE = word(
    "succeeded",
    9,
    segments=[SegmentResult(segment_id=42, version=2, size=5, entered=2, exited=1, digest="ab")],
    counts=RunCounts(universe=7),
    duration_ms=1000,
)


def after(*words: ComputeResult, run: Run = QUEUED) -> Run:
    for each in words:
        run = advance(run, each, LEASE)
    return run


def test_a_sign_of_life_renews_the_lease() -> None:
    run = after(word("running", 1), word("running", 60))
    assert (run.state, run.started_at) == ("running", NOW + timedelta(seconds=1))
    assert run.lease_until == NOW + timedelta(seconds=60) + LEASE


@pytest.mark.parametrize("order", list(permutations([word("running", 1), word("running", 5), DONE])))
def test_success_stays_whatever_comes_before_or_after(order: tuple[ComputeResult, ...]) -> None:
    run = after(*order)
    assert (run.state, run.outcome) == (
        "succeeded",
        Outcome(size=5, entered=2, exited=1, counts=RunCounts(universe=7), duration_ms=1000, digest="ab"),
    )
    assert (run.finished_at, run.lease_until) == (DONE.at, None)


def test_an_old_sign_of_life_changes_nothing() -> None:
    run = after(word("running", 60))
    assert advance(run, word("running", 1), LEASE) is run
    assert advance(run, word("running", 60), LEASE) is run


def progress(phase: RunPhase, done: int, total: int = 7) -> RunProgress:
    return RunProgress(phase=phase, done=done, total=total)


def test_progress_never_goes_back_and_ends_with_the_run() -> None:
    told = (
        progress("numbering", 0),
        progress("evaluating", 3),
        None,
        progress("evaluating", 5),
        # Another worker begins anew.
        progress("numbering", 0),
        progress("evaluating", 2, total=4),
        progress("evaluating", 7),
        progress("publishing", 7),
    )
    run, shown = QUEUED, []
    for second, each in enumerate(told, start=1):
        run = advance(run, word("running", second, progress=each), LEASE)
        shown.append(run.progress)
    assert shown == [*told[:2], told[1], told[3], told[3], told[3], *told[6:]]
    assert advance(run, word("failed", 99), LEASE).progress is None
    assert run.given_up(NOW).progress is None


@pytest.mark.parametrize("status", ["succeeded", "failed", "superseded"])
def test_the_first_final_word_counts(status: RunStatus) -> None:
    run = after(word(status, 9))
    for other in (word("failed", 99), word("succeeded", 99), word("superseded", 99), word("running", 99)):
        assert advance(run, other, LEASE) is run


@pytest.mark.parametrize("status", ["succeeded", "failed"])
def test_a_run_fails_for_a_segment_with_the_problem_of_that_segment(status: RunStatus) -> None:
    own, other = (RunProblem(type=slug, title="t", detail="d") for slug in ("own", "other"))
    told = [{"segment_id": 41, "problem": other}, {"segment_id": 42, "problem": own}]
    done = word(status, 9, segments=[], failures=told, problem=other)
    assert [(run.state, run.problem, run.outcome) for run in (after(done), after(done, done))] == [
        ("failed", own, None)
    ] * 2


def test_a_run_succeeds_beside_a_segment_for_which_it_fails() -> None:
    failures = ({"segment_id": 41, "problem": PROBLEM},)
    run = after(ComputeResultMessage.model_validate({**DONE.model_dump(), "failures": failures}).root)
    assert (run.state, run.problem, run.outcome) == ("succeeded", None, after(DONE).outcome)


def test_a_failure_carries_its_problem_and_no_outcome() -> None:
    run = after(word("failed", 9, problem=PROBLEM))
    assert (run.state, run.problem, run.outcome) == ("failed", PROBLEM, None)


def test_a_run_without_a_running_word_began_when_its_duration_says() -> None:
    assert after(DONE).started_at == NOW + timedelta(seconds=8)


def test_a_run_given_up_is_taken_back_by_a_final_word_only() -> None:
    lost = QUEUED.given_up(NOW)
    assert (lost.state, lost.problem, lost.final) == ("failed", LOST, True)
    assert advance(lost, word("running", 1), LEASE) is lost
    assert after(DONE, run=lost).state == "succeeded"
    assert after(DONE, run=lost).problem is None


def test_a_result_of_other_segments_counts_nothing_for_this_one() -> None:
    other = SegmentResult(segment_id=43, version=2, size=5, entered=2, exited=1, digest="ab")
    outcome = after(word("succeeded", 9, segments=[other])).outcome
    assert outcome is not None
    assert (outcome.size, outcome.entered, outcome.published) == (0, 0, False)


def test_announcing_counts_attempts_and_renewing_does_not() -> None:
    again = QUEUED.announced(6, NOW)
    assert (again.attempts, again.message_id) == (2, 6)
    assert QUEUED.reannounced(6) == replace(QUEUED, message_id=6)


def test_a_job_leaves_out_references_that_have_no_room_in_its_message() -> None:
    text = {"type": "user_property", "property": "a", "operator": "eq", "value": "x" * (MAX_TOTAL_BYTES // 2)}
    inner = parse_definition({"logic": "AND", "conditions": [text]})
    segments = [
        Segment(
            id=1000 + number,
            tenant_id=1,
            name="",
            segment_type="rule",
            definition=inner if number < 2 else NOBODY,
            description="",
            refresh="manual",
            version=number,
            created_at=NOW,
            updated_at=NOW,
        )
        for number in range(MAX_REFERENCES + 2)
    ]
    outer = parse_definition({"logic": "OR", "conditions": [{"type": "segment", "segment_id": 1001}]})
    version = Version(segment_id=42, number=2, definition=outer, created_at=NOW, created_by="user:1")
    evaluated = [Evaluated(run=QUEUED, version=version)]
    most = job_of(evaluated, segments[1:-1])
    assert [(each.id, each.version) for each in most.references] == [
        (1000 + n, n) for n in range(1, MAX_REFERENCES + 1)
    ]
    assert [(each.id, each.definition) for each in most.segments] == [(42, outer)]
    assert len(most.model_dump_json()) < 2**20
    for too_much in (segments[:2], segments[1:]):
        assert job_of(evaluated, too_much).references == ()
