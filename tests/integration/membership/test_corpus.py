"""The compiler on ClickHouse and the language's reference give the corpus the same members.

A difference is reported as the smallest case that still shows it.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from segops_common.stores.clickhouse import ClickHouse
from segops_language import Group
from segops_language.events import Event
from segops_language.walk import walk
from segops_membership.questions.registry import QUESTIONS
from tests.corpus.cases import DEFINITIONS, SCENARIOS, Cases, corpus
from tests.integration.membership.differential import members_by_sql

EXAMPLES = int(os.environ.get("EXAMPLES", "20000"))


async def differing(
    clickhouse: ClickHouse, cases: Cases, definitions: Sequence[Group], events: Sequence[Event]
) -> list[Group]:
    """Return the definitions whose members differ."""
    scenario = cases.scenario
    by_sql = await members_by_sql(
        clickhouse, events, definitions, scenario.as_of_ms, references=scenario.references, lists=scenario.lists
    )
    results = zip(definitions, by_sql, strict=True)
    return [definition for definition, members in results if members != cases.members(definition, events)]


async def smallest(clickhouse: ClickHouse, cases: Cases, definition: Group) -> tuple[Group, list[Event]]:
    """Return the smallest part of a definition, and the fewest events, for which the members still differ."""
    events = list(cases.scenario.events)
    for event in cases.scenario.events:
        fewer = [other for other in events if other is not event]
        events = fewer if await differing(clickhouse, cases, [definition], fewer) else events
    while parts := await differing(clickhouse, cases, _parts(definition), events):
        definition = parts[0]
    return definition, events


def _parts(definition: Group) -> list[Group]:
    """Return one definition for each part, if there are several parts or the only one is a group."""
    if len(definition.conditions) == 1 and not isinstance(definition.conditions[0], Group):
        return []
    return [
        part if isinstance(part, Group) else Group(logic="AND", conditions=(part,)) for part in definition.conditions
    ]


async def assert_agreement(clickhouse: ClickHouse, cases: Cases) -> None:
    """Fail with the smallest case of the first definition whose members differ."""
    scenario = cases.scenario
    for definition in await differing(clickhouse, cases, cases.definitions, scenario.events):
        part, events = await smallest(clickhouse, cases, definition)
        pytest.fail(f"{part!r}\nas of {scenario.as_of_ms} in {events}\nand {scenario.lists}")


@pytest.mark.parametrize("seed", range(SCENARIOS))
async def test_sql_and_python_agree(clickhouse: ClickHouse, seed: int) -> None:
    await assert_agreement(clickhouse, corpus()[seed])


async def test_a_text_too_long_for_a_request_is_split(clickhouse: ClickHouse) -> None:
    """In one statement this scenario's predicates are 134 KiB of text; ClickHouse accepts 128 KiB."""
    await assert_agreement(clickhouse, Cases.of(1810))


@pytest.mark.parametrize("condition_type", sorted(QUESTIONS))
def test_the_corpus_asks_for_every_condition_type(condition_type: str) -> None:
    """Adding a type means adding it to what `Scenario` draws from."""
    types: Counter[str] = Counter(
        node.type
        for cases in corpus()
        for definition in cases.definitions
        for _, node in walk(definition)
        if not isinstance(node, Group)
    )

    assert types[condition_type] >= 20


def test_the_corpus_has_a_thousand_cases_that_mostly_divide_their_scenarios() -> None:
    dividing = sum(cases.divides(definition) for cases in corpus() for definition in cases.definitions)

    assert sum(len(set(map(repr, cases.definitions))) for cases in corpus()) >= 1000
    assert dividing > 700


@pytest.mark.long
@pytest.mark.timeout(0)
@settings(
    max_examples=max(EXAMPLES // DEFINITIONS, 1),
    # A scenario is made from one seed, which has nothing to shrink; one that failed comes first the next time.
    phases=[Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(seed=st.binary(min_size=8, max_size=8))
async def test_sql_and_python_agree_for_long(clickhouse: ClickHouse, seed: bytes) -> None:
    """On EXAMPLES cases that no run had before: hypothesis draws a scenario for every forty of them."""
    await assert_agreement(clickhouse, Cases.of(seed))
