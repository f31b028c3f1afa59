"""One compute job: number the new profiles, evaluate, compare, publish; finished exactly once however often delivered."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from pyroaring import BitMap

from segops_common.contracts.jobs import (
    ComputeJob,
    FailedResult,
    JobSegment,
    RunCounts,
    RunProblem,
    RunProgress,
    SegmentResult,
    SucceededResult,
)
from segops_common.core.clock import Clock
from segops_common.core.faults import FaultPoints
from segops_common.core.problems import PROBLEM_TYPE_PREFIX
from segops_language.instants import to_ms
from segops_membership.compiler.definitions import compile_definitions
from segops_membership.domain.predicates import Expression, Predicate, StaticListPredicate, predicates_of
from segops_membership.domain.publication import (
    Attempt,
    Fate,
    Proposal,
    SegmentOutcome,
    TenantHead,
    fate_of,
    outcome_of,
)
from segops_membership.domain.segment_graph import BrokenReference
from segops_membership.domain.set_algebra import Referred, members
from segops_membership.ports import Answers, Evaluation, Intake, Ledger, Profiles, QueryRefused, Runs
from segops_membership.service.leases import Lease, Leases
from segops_membership.service.progress import reported
from segops_membership.service.publishing import Publisher
from segops_membership.service.run_reports import RunReports
from segops_membership.service.static_lists import ListLost, ListsAtHand

_NOBODY: Final = BitMap()


@dataclass(frozen=True, slots=True)
class _Task:
    """A job at the moment it was taken up."""

    job: ComputeJob
    as_of_ms: int
    head: TenantHead
    reports: RunReports

    def fate(self, segment: JobSegment) -> Fate:
        return fate_of(segment, self.job.run_id, self.as_of_ms, self.head)


class ComputeRun:
    """The use case behind the topic of compute jobs."""

    def __init__(
        self,
        *,
        leases: Leases,
        ledger: Ledger,
        intake: Intake,
        lists: ListsAtHand,
        profiles: Profiles,
        evaluation: Evaluation,
        runs: Runs,
        publisher: Publisher,
        clock: Clock,
        faults: FaultPoints,
    ) -> None:
        self._leases = leases
        self._ledger = ledger
        self._intake = intake
        self._lists = lists
        self._profiles = profiles
        self._evaluation = evaluation
        self._runs = runs
        self._publisher = publisher
        self._clock = clock
        self._faults = faults

    async def run(self, job: ComputeJob) -> None:
        """Carry the job to its final result. Raises Outage, LeaseTaken or LeaseLost: then call again."""
        async with self._leases.hold(job.tenant_id) as lease:
            if await self._ledger.publication(job.tenant_id, job.run_id) is None:
                await self._compute(await self._task(job), lease)
            await self._publisher.show_pending(job.tenant_id)
            publication = await self._ledger.publication(job.tenant_id, job.run_id)
            if publication is not None:
                await self._publisher.announce(lease, publication)

    async def refuse(self, tenant_id: int, run_id: int) -> None:
        """Report a job whose definitions cannot be read as failed. Raises Outage."""
        problem = _problem("definition-unreadable", "The definition cannot be read", "A newer version saved it.")
        failed = FailedResult(run_id=run_id, tenant_id=tenant_id, at=self._clock.now(), problem=problem)
        await self._publisher.tell(failed)

    async def _task(self, job: ComputeJob) -> _Task:
        reports = RunReports(
            tenant_id=job.tenant_id, run_id=job.run_id, clock=self._clock, started=self._clock.monotonic()
        )
        return _Task(job, to_ms(job.as_of), await self._ledger.head(job.tenant_id), reports)

    async def _compute(self, task: _Task, lease: Lease) -> None:
        wanted = [segment for segment in task.job.segments if task.fate(segment) is not Fate.SUPERSEDED]
        if not wanted:
            await self._publisher.tell(task.reports.superseded())
            return
        await self._publisher.tell(task.reports.running())
        lists, lost = await self._lists_of(task.job)
        stand_ins = {each: StaticListPredicate(each, 0, 0) for each in lost}
        expressions, broken = _compiled(task, wanted, lists | stand_ins)
        failures = broken | _failing(expressions, {stand_ins[each]: problem for each, problem in lost.items()})
        try:
            await self._carry_out(task, lease, wanted, expressions, failures, lists.values())
        except QueryRefused as error:
            refused = dict.fromkeys(expressions, _refused(error))
            await self._publisher.tell(task.reports.failed(refused | failures))

    async def _lists_of(self, job: ComputeJob) -> tuple[dict[int, StaticListPredicate], dict[int, RunProblem]]:
        """The lists that the job leads to, and those of them that will not come."""
        versions = _list_versions(job)
        lost: dict[int, RunProblem] = {}
        while True:
            try:
                return await self._lists.at_least(job.tenant_id, versions), lost
            except ListLost as error:
                del versions[error.segment_id]
                lost[error.segment_id] = _problem("static-list-incomplete", "A list is incomplete", str(error))

    async def _carry_out(
        self,
        task: _Task,
        lease: Lease,
        wanted: Sequence[JobSegment],
        expressions: Mapping[int, Expression],
        failures: dict[int, RunProblem],
        lists: Collection[StaticListPredicate],
    ) -> None:
        """For the segments that do not fail; a segment for which something is refused fails alone."""
        sound = [expression for segment_id, expression in expressions.items() if segment_id not in failures]
        if not sound:
            await self._publisher.tell(task.reports.failed(failures))
            return
        atoms = predicates_of(*sound)
        async with reported(partial(self._tell_progress, task), self._clock, total=len(atoms)) as progress:
            progress.enter("numbering")
            await self._intake.settle()
            await self._number_profiles(lease, lists)
            progress.enter("evaluating")
            answers = await self._evaluation.answer(
                task.job.tenant_id, atoms, task.as_of_ms, progress.answered, apart=True
            )
            await self._lists.check(
                task.job.tenant_id, [atom for atom in atoms if isinstance(atom, StaticListPredicate)]
            )
            progress.enter("comparing")
            refused = {atom: _refused(refusal) for atom, refusal in answers.refused.items()}
            failures = _failing(expressions, refused) | failures
            answered = [segment for segment in wanted if segment.id not in failures]
            if not answered:
                await self._publisher.tell(task.reports.failed(failures))
                return
            outcomes = await self._compare(task, answered, expressions, answers)
            progress.enter("publishing")
            await self._publish(task, lease, outcomes, partial(self._success, task, answers, failures))

    async def _number_profiles(self, lease: Lease, lists: Collection[StaticListPredicate]) -> None:
        """Number what has none; profiles that come meanwhile wait for the next run."""
        count = await self._profiles.unnumbered(lease.tenant_id, lists)
        if count:
            first = await self._ledger.reserve_numbers(lease.tenant_id, count)
            lease.check()
            self._faults.reach("before_numbers")
            await self._profiles.number(lease.tenant_id, first, count, lease.fence, lists)
            self._faults.reach("after_numbers")

    async def _compare(
        self, task: _Task, segments: Sequence[JobSegment], expressions: Mapping[int, Expression], answers: Answers
    ) -> list[SegmentOutcome]:
        heads = {segment.id: task.head.segments[segment.id] for segment in segments if segment.id in task.head.segments}
        before = await self._runs.members(task.job.tenant_id, heads) if heads else {}
        referred: dict[int, Referred] = {}
        return [
            outcome_of(
                segment,
                members(expressions[segment.id], answers.atoms, answers.universe, referred),
                heads.get(segment.id),
                before.get(segment.id, _NOBODY),
                task.fate(segment),
            )
            for segment in segments
        ]

    async def _publish(
        self,
        task: _Task,
        lease: Lease,
        outcomes: Sequence[SegmentOutcome],
        success: Callable[[tuple[SegmentResult, ...]], SucceededResult],
    ) -> None:
        now = self._clock.now()
        run_id = task.job.run_id
        digests = await self._publisher.write(lease, run_id, outcomes, task.as_of_ms, now)
        result = success(tuple(outcome.result(digests[outcome.segment_id]) for outcome in outcomes))
        published = [outcome.segment_id for outcome in outcomes if outcome.published]
        if not published:
            await self._publisher.tell(result)
            return
        proposal = Proposal(
            attempt=Attempt(run_id, lease.fence),
            base_run_id=task.head.run_id,
            as_of_ms=task.as_of_ms,
            at=now,
            segment_ids=published,
            result=result,
        )
        await self._publisher.append(lease, proposal)

    def _success(
        self,
        task: _Task,
        answers: Answers,
        failures: Mapping[int, RunProblem],
        segments: tuple[SegmentResult, ...],
    ) -> SucceededResult:
        listed = [members for atom, members in answers.atoms.items() if isinstance(atom, StaticListPredicate)]
        universe = len(BitMap.union(answers.universe, *listed))
        counts = RunCounts(universe=universe, rows_read=answers.rows_read, bytes_read=answers.bytes_read)
        return task.reports.succeeded(segments, counts, failures)

    async def _tell_progress(self, task: _Task, progress: RunProgress) -> None:
        await self._publisher.tell(task.reports.running(progress))


def _list_versions(job: ComputeJob) -> dict[int, int]:
    told = {each.id: each.list_version for each in (*job.references, *job.segments)}
    return {segment_id: version for segment_id, version in told.items() if version is not None}


def _compiled(
    task: _Task, wanted: Sequence[JobSegment], lists: Mapping[int, StaticListPredicate]
) -> tuple[dict[int, Expression], dict[int, RunProblem]]:
    """What each wanted segment means, or why it means nothing.

    A superseded segment is not computed, but counts by its definition in the job for those that refer to it.
    """
    references = {each.id: each.definition for each in (*task.job.references, *task.job.segments)}
    definitions = {each.id: each.definition for each in wanted}
    mean = partial(compile_definitions, as_of_ms=task.as_of_ms, references=references, lists=lists)
    with suppress(BrokenReference):
        return mean(definitions), {}
    compiled: dict[int, Expression] = {}
    broken: dict[int, RunProblem] = {}
    for segment_id, definition in definitions.items():
        try:
            compiled |= mean({segment_id: definition})
        except BrokenReference as error:
            broken[segment_id] = _problem("reference-broken", "A reference leads nowhere", str(error))
    return compiled, broken


def _failing(
    expressions: Mapping[int, Expression], unanswered: Mapping[Predicate, RunProblem]
) -> dict[int, RunProblem]:
    """The segments that ask for what has no answer."""
    found = {}
    for segment_id, expression in expressions.items() if unanswered else ():
        for atom in predicates_of(expression) & unanswered.keys():
            found[segment_id] = unanswered[atom]
    return found


def _refused(error: QueryRefused) -> RunProblem:
    return _problem("evaluation-refused", "The warehouse refused", str(error))


def _problem(slug: str, title: str, detail: str) -> RunProblem:
    return RunProblem(type=PROBLEM_TYPE_PREFIX + slug, title=title, detail=detail)
