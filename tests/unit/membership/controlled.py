"""An evaluation that tests control."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence

from pyroaring import BitMap

from segops_membership.adapters.memory.evaluation import MemoryEvaluation
from segops_membership.domain.predicates import Predicate
from segops_membership.ports.evaluation import (
    EvaluationResult,
    ProgressCallback,
    Query,
    QueryRefused,
    ignore_progress,
)

REFUSED_CODE = 241


class ControlledEvaluation:
    """The memory evaluation, which refuses some predicates and calls `before` first."""

    def __init__(self, evaluation: MemoryEvaluation) -> None:
        self._evaluation = evaluation
        self.refused: Collection[Predicate] = ()
        self.refuses_universe = False
        self.before: Callable[[], Awaitable[None]] | None = None
        self.evaluated: list[Collection[Predicate]] = []

    async def evaluate(
        self,
        tenant_id: int,
        predicates: Collection[Predicate],
        as_of_ms: int,
        on_progress: ProgressCallback = ignore_progress,
        *,
        universe: BitMap | None = None,
        isolate_refusals: bool = False,
    ) -> EvaluationResult:
        if self.before is not None:
            await self.before()
        self.evaluated.append(predicates)
        refused = {
            predicate: QueryRefused(REFUSED_CODE, "memory") for predicate in predicates if predicate in self.refused
        }
        if self.refuses_universe or (refused and not isolate_refusals):
            raise QueryRefused(REFUSED_CODE, "memory")
        accepted = [predicate for predicate in predicates if predicate not in refused]
        result = await self._evaluation.evaluate(tenant_id, accepted, as_of_ms, on_progress, universe=universe)
        return EvaluationResult(
            universe=result.universe,
            members=result.members,
            rows_read=result.rows_read,
            bytes_read=result.bytes_read,
            refused=refused,
        )

    async def queries(self, tenant_id: int, predicates: Collection[Predicate], as_of_ms: int) -> Sequence[Query]:
        return await self._evaluation.queries(tenant_id, predicates, as_of_ms)
