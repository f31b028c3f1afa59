"""Evaluation of predicates over the events of a tenant."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pyroaring import BitMap

from segops_membership.domain.predicates import Predicate


class QueryRefused(Exception):
    """The warehouse will not evaluate a predicate: it costs too much, or the warehouse cannot express it."""

    def __init__(self, code: int, limit: str = "") -> None:
        """`code` is the warehouse's error code; `limit` names the limit that the query exceeds, if it exceeds one."""
        reason = f"exceeds the limit on {limit}" if limit else "cannot be evaluated"
        super().__init__(f"A query {reason} (ClickHouse error {code}).")
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationResult:
    """The universe, the members of each predicate, the predicates that were refused, and the cost of reading."""

    universe: BitMap
    members: Mapping[Predicate, BitMap]
    rows_read: int
    bytes_read: int
    refused: Mapping[Predicate, QueryRefused] = field(default_factory=dict)
    has_joins: bool = False
    """Whether ids of the tenant are joined, so that persons with several ids were evaluated by statements of their own."""


ProgressCallback = Callable[[int], None]
"""Called with the number of predicates evaluated since the last call."""


def ignore_progress(count: int) -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class Query:
    """A statement with its bound parameters.

    It evaluates `predicates` predicates (0: the universe, or the ids that are joined) and reads at most `rows` rows.
    """

    sql: str
    parameters: Mapping[str, object]
    predicates: int
    rows: int


class Evaluation(Protocol):
    """Evaluates predicates. Profiles are given by their numbers; a profile without a number is left out.

    All ids of a person are one profile, with the number of the person. An id that is joined to another is no profile.
    """

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
        """Return the members of each predicate as of an instant. The universe is read unless it is given.

        May take minutes. Raises QueryRefused. With `isolate_refusals` it is raised for the universe only: refused
        predicates are in the result instead. Finding them takes several attempts.
        """
        ...

    async def queries(self, tenant_id: int, predicates: Collection[Predicate], as_of_ms: int) -> Sequence[Query]:
        """Return the statements that `evaluate` may send, the universe first. Reads no row. Raises QueryRefused."""
        ...
