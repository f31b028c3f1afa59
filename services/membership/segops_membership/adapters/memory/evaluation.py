"""Evaluates predicates in Python, by the same questions that make the SQL, over the rows of a memory warehouse."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from pyroaring import BitMap

from segops_membership.adapters.memory.warehouse import MemoryWarehouse, TenantRows
from segops_membership.compiler.statements import statements_for, universe_statement, with_decisions
from segops_membership.domain.predicates import Predicate
from segops_membership.domain.profile import Profile
from segops_membership.ports.evaluation import EvaluationResult, ProgressCallback, Query, ignore_progress
from segops_membership.questions.registry import kind_of


class MemoryEvaluation:
    """See the port `Evaluation`. Refuses nothing."""

    def __init__(self, *, warehouse: MemoryWarehouse) -> None:
        self._warehouse = warehouse

    async def evaluate(
        self,
        tenant_id: int,
        predicates: Collection[Predicate],
        as_of_ms: int,
        on_progress: ProgressCallback = ignore_progress,
        *,
        universe: BitMap | None = None,
        isolate_refusals: bool = False,  # noqa: ARG002 nothing is ever refused
    ) -> EvaluationResult:
        """See the port `Evaluation`."""
        rows = self._warehouse.tenant(tenant_id)
        profiles = _profiles(rows, as_of_ms)
        members: dict[Predicate, BitMap] = {}
        for predicate in predicates:
            interpret = kind_of(predicate).interpret
            members[predicate] = BitMap(n for n, profile in profiles.items() if interpret(predicate, profile))
            on_progress(1)
        return EvaluationResult(
            universe=BitMap(n for n, profile in profiles.items() if profile.has_events())
            if universe is None
            else universe,
            has_joins=bool(rows.persons(as_of_ms)),
            members=members,
            rows_read=sum(len(profile.events) for profile in profiles.values()),
            bytes_read=0,
        )

    async def queries(self, tenant_id: int, predicates: Collection[Predicate], as_of_ms: int) -> Sequence[Query]:
        """See the port: the statements that ClickHouse would be sent, each with the number of all events as its rows."""
        rows = sum(map(len, self._warehouse.tenant(tenant_id).events.values()))
        others = with_decisions(statements_for(tenant_id, predicates, as_of_ms))
        statements = (universe_statement(tenant_id, as_of_ms), *others)
        return [Query(statement.sql, statement.parameters, len(statement.predicates), rows) for statement in statements]


def _profiles(rows: TenantRows, as_of_ms: int) -> Mapping[int, Profile]:
    """Return the numbered profiles as of an instant, by their numbers; all ids of a person are one profile."""
    lists: defaultdict[str, defaultdict[int, dict[int, bool]]] = defaultdict(lambda: defaultdict(dict))
    for segment_id, changes in rows.list_changes.items():
        for (version, user_id), present in changes.items():
            lists[user_id][segment_id][version] = present
    persons = rows.persons(as_of_ms)
    ids: defaultdict[str, list[str]] = defaultdict(list)
    for profile_id in {*rows.numbers, *rows.events, *persons}:
        ids[persons.get(profile_id, profile_id)].append(profile_id)
    return {
        n: Profile.of(
            profile_id,
            (event for id in ids[profile_id] for event in rows.events.get(id, {}).values()),
            as_of_ms,
            [lists[id] for id in ids[profile_id] if id in lists],
        )
        for profile_id, n in rows.numbers.items()
        if profile_id not in persons
    }
