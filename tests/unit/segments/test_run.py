"""The states of a run, in whatever order its reports arrive."""

from collections.abc import Callable
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
from segops_segments.domain.run import LOST, InvalidTransition, Outcome, Run, RunPart, RunRequest
from segops_segments.domain.segment import NOBODY, Segment, Version

NOW = datetime(2026, 1, 31, 9, tzinfo=UTC)
LEASE = timedelta(minutes=15)
REQUEST = RunRequest(as_of=NOW, fixed=False, requested_by="user:1", requested_at=NOW)
QUEUED = Run.queue(17, 1, REQUEST, {42: 2}).dispatch(5, NOW + LEASE)
PROBLEM = RunProblem(type="t", title="t", detail="d")


def report(status: RunStatus, seconds: int, **more: object) -> ComputeResult:
    at = NOW + timedelta(seconds=seconds)
    values = {"run_id": 17, "tenant_id": 1, "status": status, "at": at, "problem": PROBLEM, **more}
    return ComputeResultMessage.model_validate(values).root


SUCCESS = report(
    "succeeded",
    9,
    segments=[SegmentResult(segment_id=42, version=2, size=5, entered=2, exited=1, digest="ab")],
    counts=RunCounts(universe=7),
    duration_ms=1000,
)


def apply(*reports: ComputeResult, run: Run = QUEUED) -> RunPart:
    """Return the only part of the run after these reports."""
    for result in reports:
        run = run.apply(result, LEASE)
    [part] = run.parts
    return part


def test_a_sign_of_life_renews_the_lease() -> None:
    part = apply(report("running", 1), report("running", 60))
    assert (part.state, part.started_at) == ("running", NOW + timedelta(seconds=1))
    assert part.lease_until == NOW + timedelta(seconds=60) + LEASE


@pytest.mark.parametrize("order", list(permutations([report("running", 1), report("running", 5), SUCCESS])))
def test_success_is_final_in_any_order_of_reports(order: tuple[ComputeResult, ...]) -> None:
    part = apply(*order)
    assert (part.state, part.outcome) == (
        "succeeded",
        Outcome(size=5, entered=2, exited=1, counts=RunCounts(universe=7), duration_ms=1000, digest="ab"),
    )
    assert (part.finished_at, part.lease_until) == (SUCCESS.at, None)


def test_an_old_sign_of_life_changes_nothing() -> None:
    run = QUEUED.apply(report("running", 60), LEASE)
    for old in (report("running", 1), report("running", 60)):
        assert run.apply(old, LEASE).changed_since(run) == ()


def progress(phase: RunPhase, count: int, total: int = 7) -> RunProgress:
    return RunProgress(phase=phase, done=count, total=total)


def test_progress_never_decreases_and_ends_with_the_run() -> None:
    reported = (
        progress("numbering", 0),
        progress("evaluating", 3),
        None,
        progress("evaluating", 5),
        # Another worker starts from the beginning.
        progress("numbering", 0),
        progress("evaluating", 2, total=4),
        progress("evaluating", 7),
        progress("publishing", 7),
    )
    run, shown = QUEUED, []
    for second, value in enumerate(reported, start=1):
        run = run.apply(report("running", second, progress=value), LEASE)
        shown.append(run.parts[0].progress)
    assert shown == [*reported[:2], reported[1], reported[3], reported[3], reported[3], *reported[6:]]
    assert apply(report("failed", 99), run=run).progress is None
    assert run.give_up(NOW).parts[0].progress is None


@pytest.mark.parametrize("status", ["succeeded", "failed", "superseded"])
def test_the_first_final_report_counts(status: RunStatus) -> None:
    run = QUEUED.apply(report(status, 9), LEASE)
    for other in (report("failed", 99), report("succeeded", 99), report("superseded", 99), report("running", 99)):
        assert run.apply(other, LEASE).changed_since(run) == ()


@pytest.mark.parametrize("status", ["succeeded", "failed"])
def test_a_run_fails_for_a_segment_with_the_problem_of_that_segment(status: RunStatus) -> None:
    own, other = (RunProblem(type=slug, title="t", detail="d") for slug in ("own", "other"))
    failures = [{"segment_id": 41, "problem": other}, {"segment_id": 42, "problem": own}]
    result = report(status, 9, segments=[], failures=failures, problem=other if status == "failed" else None)
    for part in (apply(result), apply(result, result)):
        assert (part.state, part.problem, part.outcome) == ("failed", own, None)


def test_a_run_succeeds_for_a_segment_although_it_fails_for_another() -> None:
    failures = ({"segment_id": 41, "problem": PROBLEM},)
    part = apply(ComputeResultMessage.model_validate({**SUCCESS.model_dump(), "failures": failures}).root)
    assert (part.state, part.problem, part.outcome) == ("succeeded", None, apply(SUCCESS).outcome)


def test_a_failure_has_a_problem_and_no_outcome() -> None:
    part = apply(report("failed", 9, problem=PROBLEM))
    assert (part.state, part.problem, part.outcome) == ("failed", PROBLEM, None)


def test_without_a_sign_of_life_the_start_follows_from_the_duration() -> None:
    assert apply(SUCCESS).started_at == NOW + timedelta(seconds=8)


def test_a_run_that_was_given_up_accepts_a_final_report_only() -> None:
    lost = QUEUED.give_up(NOW)
    [part] = lost.parts
    assert (part.state, part.problem, part.is_final) == ("failed", LOST, True)
    assert lost.apply(report("running", 1), LEASE).changed_since(lost) == ()
    assert apply(SUCCESS, run=lost).state == "succeeded"
    assert apply(SUCCESS, run=lost).problem is None


def test_a_result_of_other_segments_counts_nothing_for_this_one() -> None:
    other = {"segment_id": 43, "version": 2, "size": 5, "entered": 2, "exited": 1}
    outcome = apply(report("succeeded", 9, segments=[other])).outcome
    assert outcome is not None
    assert (outcome.size, outcome.entered, outcome.published) == (0, 0, False)


def test_dispatching_counts_an_attempt_and_replacing_the_message_does_not() -> None:
    again = QUEUED.dispatch(6, NOW)
    assert (again.attempts, again.message_id) == (2, 6)
    [part] = QUEUED.parts
    assert QUEUED.replace_message(6) == Run((replace(part, message_id=6),))


def test_a_withdrawn_segment_leaves_the_run_to_the_others() -> None:
    run = Run.queue(17, 1, REQUEST, {43: 1, 42: 2}).dispatch(5, NOW + LEASE)
    after = run.withdraw(42, NOW)
    assert [(part.segment_id, part.state) for part in after.parts] == [(42, "superseded"), (43, "queued")]
    assert [part.segment_id for part in after.open_parts] == [43]
    later = after.renew(NOW + LEASE, {42: 9, 43: 2})
    assert [(part.as_of, part.version) for part in later.parts] == [(NOW, 2), (NOW + LEASE, 2)]


def test_what_the_state_of_a_run_does_not_allow_is_an_error() -> None:
    running = QUEUED.apply(report("running", 1), LEASE)
    final = QUEUED.apply(SUCCESS, LEASE)
    forbidden: list[Callable[[], object]] = [
        lambda: running.renew(NOW, {}),
        lambda: running.replace_message(6),
        lambda: running.withdraw(42, NOW),
        lambda: QUEUED.withdraw(43, NOW),
        lambda: final.dispatch(6, NOW),
        lambda: final.renew(NOW, {}),
        lambda: final.give_up(NOW),
        lambda: final.to_job({}, ()),
    ]
    for change in forbidden:
        with pytest.raises(InvalidTransition):
            change()
    with pytest.raises(ValueError, match="at least one part"):
        Run(())


def test_a_job_leaves_out_references_that_its_message_has_no_room_for() -> None:
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
    versions = {42: Version(segment_id=42, number=2, definition=outer, created_at=NOW, created_by="user:1")}
    largest = QUEUED.to_job(versions, (), segments[1:-1])
    assert [(segment.id, segment.version) for segment in largest.references] == [
        (1000 + number, number) for number in range(1, MAX_REFERENCES + 1)
    ]
    assert [(segment.id, segment.definition) for segment in largest.segments] == [(42, outer)]
    assert len(largest.model_dump_json()) < 2**20
    for too_many in (segments[:2], segments[1:]):
        assert QUEUED.to_job(versions, (), too_many).references == ()
