"""Compiles the segments of a job, each failing for itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial

from segops_common.contracts.jobs import ComputeJob, JobSegment, RunProblem
from segops_membership.compiler.definitions import compile_definitions
from segops_membership.domain.predicates import Expression, Predicate, StaticListPredicate, predicates_of
from segops_membership.domain.segment_graph import BrokenReference
from segops_membership.service.compute import run_problems


def compile_segments(
    job: ComputeJob, segments: Sequence[JobSegment], as_of_ms: int, lists: Mapping[int, StaticListPredicate]
) -> tuple[dict[int, Expression], dict[int, RunProblem]]:
    """Return the expression of each segment, or the problem that it cannot be compiled for.

    A superseded segment is not computed, but segments that refer to it use its definition in the job.
    """
    references = {segment.id: segment.definition for segment in (*job.references, *job.segments)}
    definitions = {segment.id: segment.definition for segment in segments}
    compile_all = partial(compile_definitions, as_of_ms=as_of_ms, references=references, lists=lists)
    with suppress(BrokenReference):
        return compile_all(definitions), {}
    expressions: dict[int, Expression] = {}
    problems: dict[int, RunProblem] = {}
    for segment_id, definition in definitions.items():
        try:
            expressions |= compile_all({segment_id: definition})
        except BrokenReference as error:
            problems[segment_id] = run_problems.broken_reference(error)
    return expressions, problems


def segments_failing(
    expressions: Mapping[int, Expression], unavailable: Mapping[Predicate, RunProblem]
) -> dict[int, RunProblem]:
    """Return the segments that need a predicate which cannot be evaluated, with its problem."""
    problems = {}
    for segment_id, expression in expressions.items() if unavailable else ():
        for predicate in predicates_of(expression) & unavailable.keys():
            problems[segment_id] = unavailable[predicate]
    return problems
