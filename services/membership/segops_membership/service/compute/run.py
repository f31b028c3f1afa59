"""Carries out a compute job: number new profiles, evaluate, compare, publish. Repeated deliveries publish once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from pyroaring import BitMap

from segops_common.contracts.jobs import (
    ComputeJob,
    FailedResult,
    IngestLag,
    JobSegment,
    RunCounts,
    RunPhase,
    RunProblem,
    RunProgress,
    SegmentResult,
    SucceededResult,
)
from segops_common.core.clock import Clock
from segops_common.telemetry.metrics import Metric, Metrics
from segops_language.values.instants import to_ms
from segops_membership.domain.predicates import (
    Expression,
    Predicate,
    StaticListPredicate,
    predicates_of,
    reads_events,
)
from segops_membership.domain.publication import (
    NOTHING_REPORTED,
    Base,
    Disposition,
    Publication,
    SegmentHead,
    SegmentOutcome,
    TenantHead,
    disposition_of,
    outcome_of,
)
from segops_membership.domain.set_algebra import ReferencedSegment, members
from segops_membership.ports.evaluation import Evaluation, EvaluationResult, QueryRefused
from segops_membership.ports.identity.merges import IdentityMerges
from segops_membership.ports.ingest_watermark import IngestWatermark
from segops_membership.ports.publication_log import PublicationLog
from segops_membership.ports.run_results import RunResults
from segops_membership.service.compute import run_problems
from segops_membership.service.compute.progress import Progress, progress_reported
from segops_membership.service.compute.run_reports import RunReports
from segops_membership.service.compute.segment_compilation import compile_segments, segments_failing
from segops_membership.service.profile_numbering import ProfileNumbering
from segops_membership.service.publish.publisher import Publisher
from segops_membership.service.static_lists import StaticListIncomplete, StaticListVersions
from segops_membership.service.tenant_lease import Lease, LeaseHolder

_NO_MEMBERS: Final = BitMap()


@dataclass(frozen=True, slots=True)
class _Task:
    """A job under a lease, with the tenant's published state at its start."""

    job: ComputeJob
    lease: Lease
    as_of_ms: int
    head: TenantHead
    reports: RunReports

    def disposition(self, segment: JobSegment) -> Disposition:
        return disposition_of(segment, self.job.run_id, self.as_of_ms, self.head)


@dataclass(frozen=True, slots=True)
class _Compiled:
    """The segments to compute with their expressions, the lists that they read, and why others fail."""

    segments: Sequence[JobSegment]
    expressions: Mapping[int, Expression]
    lists: Collection[StaticListPredicate]
    failures: Mapping[int, RunProblem]

    def predicates(self) -> frozenset[Predicate]:
        """Return what the segments that have not failed need; empty when all have failed."""
        return predicates_of(*(self.expressions[id] for id in self.expressions.keys() - self.failures.keys()))

    def all_failed(self) -> bool:
        return all(segment.id in self.failures for segment in self.segments)

    def without(self, failures: Mapping[int, RunProblem]) -> _Compiled:
        """Return this with further failures."""
        return _Compiled(self.segments, self.expressions, self.lists, {**failures, **self.failures})


class ComputeRun:
    """The use case of the topic of compute jobs."""

    def __init__(
        self,
        *,
        leases: LeaseHolder,
        publications: PublicationLog,
        watermark: IngestWatermark,
        lists: StaticListVersions,
        numbering: ProfileNumbering,
        merges: IdentityMerges,
        evaluation: Evaluation,
        results: RunResults,
        publisher: Publisher,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._leases = leases
        self._publications = publications
        self._watermark = watermark
        self._lists = lists
        self._numbering = numbering
        self._merges = merges
        self._evaluation = evaluation
        self._results = results
        self._publisher = publisher
        self._clock = clock
        self._phases = metrics.histogram(Metric.RUN_PHASE_SECONDS)

    async def run(self, job: ComputeJob) -> None:
        """Carry the job to its final report. Raises EngineUnavailable, LeaseTaken or LeaseLost: then call again."""
        async with self._leases.hold(job.tenant_id) as lease:
            if await self._publications.find(job.tenant_id, job.run_id) is None:
                # A run as of now must see every merge that was confirmed before it.
                await self._merges.reconcile(job.tenant_id)
                await self._compute(await self._task(job, lease))
            await self._publisher.make_pending_visible(job.tenant_id)
            publication = await self._publications.find(job.tenant_id, job.run_id)
            if publication is not None:
                await self._publisher.report(lease, publication)

    async def refuse(self, tenant_id: int, run_id: int) -> None:
        """Report a job whose definitions cannot be read as failed. Raises EngineUnavailable."""
        await self._publisher.report_result(
            FailedResult(run_id=run_id, tenant_id=tenant_id, at=self._clock.now(), problem=run_problems.UNREADABLE)
        )

    async def _task(self, job: ComputeJob, lease: Lease) -> _Task:
        head = await self._publications.head(job.tenant_id)
        reports = RunReports(
            tenant_id=job.tenant_id, run_id=job.run_id, clock=self._clock, started=self._clock.monotonic()
        )
        return _Task(job, lease, to_ms(job.as_of), head, reports)

    async def _compute(self, task: _Task) -> None:
        segments = [segment for segment in task.job.segments if task.disposition(segment) is not Disposition.SUPERSEDED]
        if not segments:
            await self._publisher.report_result(task.reports.superseded())
            return
        await self._publisher.report_result(task.reports.running())
        compiled = await self._compile(task, segments)
        if compiled.all_failed():
            await self._publisher.report_result(task.reports.failed(compiled.failures))
            return
        try:
            await self._evaluate_and_publish(task, compiled)
        except QueryRefused as error:
            # The universe was refused, so no segment can be computed.
            problem = run_problems.refused(error)
            failed = compiled.without(dict.fromkeys(compiled.expressions, problem))
            await self._publisher.report_result(task.reports.failed(failed.failures))

    async def _compile(self, task: _Task, segments: Sequence[JobSegment]) -> _Compiled:
        lists, incomplete = await self._lists_of(task.job)
        # An incomplete list compiles to a stand-in, by which the segments that depend on it are found.
        stand_ins = {segment_id: StaticListPredicate(segment_id, 0, 0) for segment_id in incomplete}
        expressions, broken = compile_segments(task.job, segments, task.as_of_ms, lists | stand_ins)
        unavailable: dict[Predicate, RunProblem] = {
            stand_ins[segment_id]: problem for segment_id, problem in incomplete.items()
        }
        failures = {**broken, **segments_failing(expressions, unavailable)}
        return _Compiled(segments, expressions, lists.values(), failures)

    async def _lists_of(self, job: ComputeJob) -> tuple[dict[int, StaticListPredicate], dict[int, RunProblem]]:
        """Return the static lists of the job's segments and references, and the problems of incomplete ones."""
        versions = _list_versions(job)
        incomplete: dict[int, RunProblem] = {}
        while True:
            try:
                return await self._lists.at_least(job.tenant_id, versions), incomplete
            except StaticListIncomplete as error:
                del versions[error.segment_id]
                incomplete[error.segment_id] = run_problems.incomplete_list(error)

    async def _evaluate_and_publish(self, task: _Task, compiled: _Compiled) -> None:
        """A segment that needs a refused predicate fails alone. Raises QueryRefused when the universe is refused."""
        predicates = compiled.predicates()
        async with progress_reported(
            partial(self._report_progress, task), self._clock, total=len(predicates), observe=self._observe_phase
        ) as progress:
            progress.enter("numbering")
            behind = await self._wait_until_ingested(compiled)
            result = await self._evaluate(task, compiled, predicates, progress)
            progress.enter("comparing")
            refused = {predicate: run_problems.refused(error) for predicate, error in result.refused.items()}
            compiled = compiled.without(segments_failing(compiled.expressions, refused))
            if compiled.all_failed():
                await self._publisher.report_result(task.reports.failed(compiled.failures))
                return
            outcomes = await self._compare(task, compiled, result, is_complete=behind is None)
            progress.enter("publishing")
            report = partial(task.reports.succeeded, counts=_counts(result), failures=compiled.failures, behind=behind)
            await self._publish(task, outcomes, report)

    async def _wait_until_ingested(self, compiled: _Compiled) -> IngestLag | None:
        """Return how far the warehouse is behind. Segments that no event can change do not wait."""
        if any(map(reads_events, compiled.expressions.values())):
            return await self._watermark.wait_until_ingested()
        return None

    async def _evaluate(
        self, task: _Task, compiled: _Compiled, predicates: frozenset[Predicate], progress: Progress
    ) -> EvaluationResult:
        tenant_id = task.job.tenant_id
        await self._numbering.number_pending(task.lease, compiled.lists)
        progress.enter("evaluating")
        result = await self._evaluation.evaluate(
            tenant_id, predicates, task.as_of_ms, progress.evaluated, isolate_refusals=True
        )
        lists = [predicate for predicate in predicates if isinstance(predicate, StaticListPredicate)]
        await self._lists.check_still_stored(tenant_id, lists)
        return result

    async def _compare(
        self, task: _Task, compiled: _Compiled, result: EvaluationResult, *, is_complete: bool
    ) -> list[SegmentOutcome]:
        segments = [segment for segment in compiled.segments if segment.id not in compiled.failures]
        bases = await self._bases(task, [segment.id for segment in segments], is_complete=is_complete)
        referred: dict[int, ReferencedSegment] = {}
        return [
            outcome_of(
                segment,
                members(compiled.expressions[segment.id], result.members, result.universe, referred),
                bases[segment.id],
                task.disposition(segment),
            )
            for segment in segments
        ]

    async def _bases(self, task: _Task, segment_ids: Sequence[int], *, is_complete: bool) -> Mapping[int, Base]:
        """Return what segments are compared with; only a complete run is also compared with what was reported."""
        heads = {id: task.head.segments[id] for id in segment_ids if id in task.head.segments}
        published = await self._members(task, heads)
        last = {id: replace(head, attempt=head.last_reported) for id, head in heads.items() if head.reported}
        stored = {id: head for id, head in last.items() if is_complete and head.attempt != NOTHING_REPORTED}
        reported = await self._members(task, stored)
        return {
            id: Base(
                heads.get(id),
                published.get(id, _NO_MEMBERS),
                reported.get(id, _NO_MEMBERS) if is_complete and id in last else None,
            )
            for id in segment_ids
        }

    async def _members(self, task: _Task, heads: Mapping[int, SegmentHead]) -> Mapping[int, BitMap]:
        return await self._results.published_members(task.job.tenant_id, heads) if heads else {}

    async def _publish(
        self,
        task: _Task,
        outcomes: Sequence[SegmentOutcome],
        report: Callable[[tuple[SegmentResult, ...]], SucceededResult],
    ) -> None:
        now = self._clock.now()
        attempt = task.lease.attempt(task.job.run_id)
        digests = await self._publisher.write(task.lease, attempt, outcomes, task.as_of_ms, now)
        segments = tuple(outcome.result(digests[outcome.segment_id]) for outcome in outcomes)
        publication = Publication(
            tenant_id=task.job.tenant_id,
            attempt=attempt,
            base_run_id=task.head.run_id,
            as_of_ms=task.as_of_ms,
            at=now,
            result=report(segments),
        )
        if publication.segments:
            await self._publisher.append(task.lease, publication)
        else:
            await self._publisher.report_result(publication.result)

    def _observe_phase(self, phase: RunPhase, seconds: float) -> None:
        self._phases.labels(phase).observe(seconds)

    async def _report_progress(self, task: _Task, progress: RunProgress) -> None:
        await self._publisher.report_result(task.reports.running(progress))


def _list_versions(job: ComputeJob) -> dict[int, int]:
    versions = {segment.id: segment.list_version for segment in (*job.references, *job.segments)}
    return {segment_id: version for segment_id, version in versions.items() if version is not None}


def _counts(result: EvaluationResult) -> RunCounts:
    """Count the universe with the users of static lists, who may have no events."""
    lists = [users for predicate, users in result.members.items() if isinstance(predicate, StaticListPredicate)]
    return RunCounts(
        universe=len(BitMap.union(result.universe, *lists)), rows_read=result.rows_read, bytes_read=result.bytes_read
    )
