"""Why a run fails, as problems."""

from __future__ import annotations

from segops_common.contracts.jobs import RunProblem
from segops_common.core.problems import PROBLEM_TYPE_PREFIX
from segops_membership.domain.segment_graph import BrokenReference
from segops_membership.ports.evaluation import QueryRefused
from segops_membership.service.static_lists import StaticListIncomplete

UNREADABLE = RunProblem(
    type=f"{PROBLEM_TYPE_PREFIX}definition-unreadable",
    title="The definition cannot be read",
    detail="A newer version of SegOps saved it.",
)


def broken_reference(error: BrokenReference) -> RunProblem:
    """Return the problem of a segment that refers to what is not there."""
    return _problem("reference-broken", "A reference is broken", error)


def refused(error: QueryRefused) -> RunProblem:
    """Return the problem of a segment that the warehouse will not evaluate."""
    return _problem("evaluation-refused", "The evaluation was refused", error)


def incomplete_list(error: StaticListIncomplete) -> RunProblem:
    """Return the problem of a segment whose list has a missing part."""
    return _problem("static-list-incomplete", "A list is incomplete", error)


def _problem(slug: str, title: str, error: Exception) -> RunProblem:
    return RunProblem(type=PROBLEM_TYPE_PREFIX + slug, title=title, detail=str(error))
