"""Each of many bugs, planted where ids are joined, makes something wrong in a few generated worlds."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from segops_common.contracts.warehouse import IDENTITY_CLAIMS_TABLE
from segops_common.stores.clickhouse import ClickHouse
from tests.corpus.identity_mutants import IDENTITY_MUTANTS, SHOWN_BY
from tests.corpus.joins import Way, joined_world
from tests.corpus.mutants import Mutant
from tests.integration.membership.joined import JoinedWorlds, StoredWorld, store_worlds

PLANTED = [(way, mutant) for way, mutants in IDENTITY_MUTANTS.items() for mutant in mutants]
LONG = {Way.NOW: pytest.mark.long, Way.SPLIT: pytest.mark.long}
"""Ways that take many statements for each world."""
SEEDS = sorted(set(SHOWN_BY.values()))
README = Path(__file__).parents[3] / "README.md"

Worlds = tuple[JoinedWorlds, dict[int, StoredWorld]]


@pytest.fixture(scope="module")
async def worlds(clickhouse: ClickHouse) -> AsyncIterator[Worlds]:
    """Stored once, in the same tenants each time; merges of parts are stopped, so that all claims of an id stay."""
    await clickhouse.command(f"SYSTEM STOP MERGES {IDENTITY_CLAIMS_TABLE}")
    small = [joined_world(seed, definitions=1) for seed in SEEDS]
    evaluated, cases = await store_worlds(clickhouse, small, tenants=itertools.count(7_000).__next__, ids_now=5)
    yield evaluated, dict(zip(SEEDS, cases, strict=True))
    await clickhouse.command(f"SYSTEM START MERGES {IDENTITY_CLAIMS_TABLE}")


@pytest.mark.parametrize("way", [pytest.param(way, marks=LONG.get(way, ()), id=way.name) for way in IDENTITY_MUTANTS])
async def test_nothing_is_wrong_without_a_bug(worlds: Worlds, way: Way) -> None:
    evaluated, cases = worlds
    for seed in {SHOWN_BY[mutant.name] for mutant in IDENTITY_MUTANTS[way]}:
        assert await evaluated.differing(cases[seed], way) == []


@pytest.mark.parametrize(
    ("way", "mutant"),
    [pytest.param(way, mutant, marks=LONG.get(way, ()), id=mutant.name) for way, mutant in PLANTED],
)
async def test_a_planted_bug_is_caught(worlds: Worlds, way: Way, mutant: Mutant) -> None:
    evaluated, cases = worlds
    with mutant.planted():
        assert await evaluated.differing(cases[SHOWN_BY[mutant.name]], way) != []


@pytest.mark.parametrize("mutant", [pytest.param(mutant, id=mutant.name) for _, mutant in PLANTED])
def test_every_bug_can_be_planted(mutant: Mutant) -> None:
    """Also those that only `make test-long` looks for: their place moves with the code."""
    with mutant.planted():
        pass


def test_the_readme_says_how_many_are_planted() -> None:
    assert len({mutant.name for _, mutant in PLANTED}) == len(PLANTED) == len(SHOWN_BY)
    assert f"and {len(PLANTED)} where ids are joined" in README.read_text()
