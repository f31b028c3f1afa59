"""Each of many bugs, planted in the compiler or its SQL, gives someone in a small corpus a wrong answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from segops_common.contracts.warehouse import EVENTS_TABLE
from segops_common.stores.clickhouse import ClickHouse
from segops_language import Group
from segops_language.reference.evaluate import evaluate
from segops_membership.adapters.clickhouse.evaluation import ClickHouseEvaluation
from segops_membership.adapters.clickhouse.profiles import ClickHouseProfiles
from segops_membership.compiler.definitions import compile_definition
from segops_membership.domain.predicates import predicates_of
from segops_membership.domain.set_algebra import members
from tests.integration.membership.corpus import DEFINITIONS, EVENTS
from tests.integration.membership.mutants import MUTANTS, Mutant
from tests.integration.membership.stack import NOW_MS, group, insert_events, new_tenant
from tests.integration.membership.test_differential import SEGMENT, clickhouse

__all__ = ["clickhouse"]
README = Path(__file__).parents[3] / "README.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Profiles in one tenant, who did other things in another, and definitions with their members."""

    tenant: int
    names: Mapping[int, str]
    parts: Sequence[Sequence[tuple[Group, frozenset[str]]]]

    async def differing(self, clickhouse: ClickHouse, first: int = 0) -> list[Group]:
        """The definitions to which SQL gives another answer than the evaluator, of one part; looked for from `first` on."""
        evaluation = ClickHouseEvaluation(clickhouse=clickhouse)
        for part in (*self.parts[first:], *self.parts[:first]):
            expressions = [compile_definition(each, NOW_MS, segment_id=SEGMENT) for each, _ in part]
            answers = await evaluation.evaluate(self.tenant, predicates_of(*expressions), NOW_MS)
            bitmaps = [members(each, answers.members, answers.universe) for each in expressions]
            found = [frozenset(self.names[n] for n in bitmap) for bitmap in bitmaps]
            differing = [asked for (asked, correct), each in zip(part, found, strict=True) if correct != each]
            if differing:
                return differing
        return []


def _answered(conditions: Sequence[dict[str, Any]]) -> list[tuple[Group, frozenset[str]]]:
    definitions = [Group.model_validate(each) if "logic" in each else group(each) for each in conditions]
    return [(each, evaluate(each, EVENTS, NOW_MS, segment_id=SEGMENT)) for each in definitions]


@pytest.fixture(scope="module")
async def corpus(clickhouse: ClickHouse) -> AsyncIterator[Corpus]:
    """Made and stored once; its duplicates stay, as no merge takes them out meanwhile."""
    await clickhouse.command(f"SYSTEM STOP MERGES {EVENTS_TABLE}")
    tenant, other = new_tenant(), new_tenant()
    elsewhere = [replace(each, message_id=f"{each.message_id}'", timestamp_ms=NOW_MS - 5) for each in EVENTS]
    for part in (EVENTS[::2], EVENTS[1::2], EVENTS[::3]):
        await insert_events(clickhouse, [(tenant, each) for each in part])
    await insert_events(clickhouse, [(other, each) for each in elsewhere])
    profiles = ClickHouseProfiles(clickhouse=clickhouse)
    for each in (tenant, other):
        await profiles.assign_numbers(each, 1, await profiles.count_pending(each), 1)
    rows = await clickhouse.query("SELECT n, user_id FROM profiles FINAL WHERE tenant_id = {t:UInt64}", {"t": tenant})
    names = {int(n): str(user_id) for n, user_id in rows.rows}
    yield Corpus(tenant=tenant, names=names, parts=[_answered(part) for part in DEFINITIONS])
    await clickhouse.command(f"SYSTEM START MERGES {EVENTS_TABLE}")


async def test_the_compiler_as_it_is_gives_no_wrong_answer(clickhouse: ClickHouse, corpus: Corpus) -> None:
    assert await corpus.differing(clickhouse) == []


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
async def test_a_planted_bug_is_caught(clickhouse: ClickHouse, corpus: Corpus, mutant: Mutant) -> None:
    with mutant.planted():
        assert await corpus.differing(clickhouse) != []


def test_the_readme_tells_how_many_are_planted() -> None:
    assert f"and {len({mutant.name for mutant in MUTANTS})} planted bugs" in README.read_text()
