"""Each of many bugs, planted in the compiler or its SQL, gives someone in a small corpus wrong members."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from segops_common.contracts.warehouse import EVENTS_TABLE
from segops_common.stores.clickhouse import ClickHouse
from segops_language import Group
from segops_language.reference.evaluate import evaluate
from segops_membership.adapters.clickhouse.evaluation import ClickHouseEvaluation
from segops_membership.compiler.definitions import compile_definition
from segops_membership.domain.predicates import predicates_of
from segops_membership.domain.set_algebra import members
from tests.corpus.builders import group, new_tenant
from tests.corpus.cases import SEGMENT
from tests.corpus.edges import DEFINITIONS, EVENTS
from tests.corpus.instants import NOW_MS
from tests.corpus.killers import KILLERS
from tests.corpus.mutants import MUTANTS, Mutant
from tests.integration.membership.differential import number_profiles
from tests.integration.membership.harness import insert_deliveries, insert_events

README = Path(__file__).parents[3] / "README.md"

Answered = Sequence[tuple[Group, frozenset[str]]]
"""Definitions with their members by the reference."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Profiles in one tenant, other events of the same profiles in another, and definitions."""

    tenant: int
    names: Mapping[int, str]
    parts: Sequence[Answered]

    async def differing(self, clickhouse: ClickHouse, cases: Answered) -> list[Group]:
        """Return the definitions whose members differ when all are evaluated together."""
        expressions = [compile_definition(definition, NOW_MS, segment_id=SEGMENT) for definition, _ in cases]
        evaluation = ClickHouseEvaluation(clickhouse=clickhouse)
        result = await evaluation.evaluate(self.tenant, predicates_of(*expressions), NOW_MS)
        bitmaps = [members(expression, result.members, result.universe) for expression in expressions]
        by_sql = [frozenset(self.names[n] for n in bitmap) for bitmap in bitmaps]
        return [definition for (definition, correct), actual in zip(cases, by_sql, strict=True) if actual != correct]

    def likeliest_first(self, mutant: Mutant) -> Iterator[Answered]:
        """Yield the definitions that are known to show the bug, then everything."""
        if mutant.name in KILLERS:
            part, killers = KILLERS[mutant.name]
            yield [self.parts[part][index] for index in killers]
        yield from self.parts


def _answered(conditions: Sequence[dict[str, Any]]) -> Answered:
    definitions = [
        Group.model_validate(condition) if "logic" in condition else group(condition) for condition in conditions
    ]
    return [(definition, evaluate(definition, EVENTS, NOW_MS, segment_id=SEGMENT)) for definition in definitions]


@pytest.fixture(scope="module")
async def corpus(clickhouse: ClickHouse) -> AsyncIterator[Corpus]:
    """Stored once; merges are stopped, so that the second deliveries of events stay."""
    await clickhouse.command(f"SYSTEM STOP MERGES {EVENTS_TABLE}")
    tenant, other = new_tenant(), new_tenant()
    elsewhere = [replace(event, message_id=f"{event.message_id}'", timestamp_ms=NOW_MS - 5) for event in EVENTS]
    await insert_deliveries(clickhouse, tenant, EVENTS)
    await insert_events(clickhouse, [(other, event) for event in elsewhere])
    await number_profiles(clickhouse, other)
    names = await number_profiles(clickhouse, tenant)
    yield Corpus(tenant=tenant, names=names, parts=[_answered(part) for part in DEFINITIONS])
    await clickhouse.command(f"SYSTEM START MERGES {EVENTS_TABLE}")


async def test_the_compiler_as_it_is_gives_no_wrong_members(clickhouse: ClickHouse, corpus: Corpus) -> None:
    for part in corpus.parts:
        assert await corpus.differing(clickhouse, part) == []


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
async def test_a_planted_bug_is_caught(clickhouse: ClickHouse, corpus: Corpus, mutant: Mutant) -> None:
    with mutant.planted():
        for cases in corpus.likeliest_first(mutant):
            if await corpus.differing(clickhouse, cases):
                return
    pytest.fail("No definition of the corpus shows the bug.")


def test_the_readme_says_how_many_are_planted() -> None:
    assert f"and {len({mutant.name for mutant in MUTANTS})} planted bugs" in README.read_text()
