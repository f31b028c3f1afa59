"""Compiled predicates, interpreted in Python, give the members that the language's reference gives."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segops_language import Group
from segops_language.reference.evaluate import evaluate
from segops_membership.questions.registry import QUESTIONS
from tests.corpus.cases import SCENARIOS, SEGMENT, Cases, corpus
from tests.corpus.edges import DEFINITIONS, EVENTS
from tests.corpus.instants import NOW_MS
from tests.corpus.scenario import Scenario
from tests.unit.membership.in_memory import members_in_memory


async def assert_agreement(scenario: Scenario, definitions: tuple[Group, ...]) -> None:
    """Fail with the definitions whose members differ."""
    references, lists = scenario.references, scenario.lists
    in_memory = await members_in_memory(
        scenario.events, definitions, scenario.as_of_ms, references=references, lists=lists
    )
    by_reference = [
        evaluate(definition, scenario.events, scenario.as_of_ms, segment_id=SEGMENT, references=references, lists=lists)
        for definition in definitions
    ]
    results = zip(definitions, in_memory, by_reference, strict=True)
    assert [definition for definition, one, other in results if one != other] == []


@pytest.mark.parametrize("seed", range(SCENARIOS))
async def test_the_corpus(seed: int) -> None:
    cases = corpus()[seed]
    await assert_agreement(cases.scenario, cases.definitions)


@settings(max_examples=25)
@given(seed=st.binary(min_size=8, max_size=8))
async def test_scenarios_that_no_run_had_before(seed: bytes) -> None:
    cases = Cases.of(seed)
    await assert_agreement(cases.scenario, cases.definitions)


@pytest.mark.parametrize("condition_type", sorted(QUESTIONS))
async def test_every_condition_type(condition_type: str) -> None:
    """Adding a type means adding a generator to `Scenario.condition`."""
    for seed in range(10):
        scenario = Scenario(Random(seed))
        conditions = [scenario.condition(condition_type) for _ in range(20)]
        definitions = tuple(
            Group.model_validate({"logic": "AND", "conditions": [condition]}) for condition in conditions
        )

        assert {condition["type"] for condition in conditions} == {condition_type}
        await assert_agreement(scenario, definitions)


@pytest.mark.parametrize("part", DEFINITIONS, ids=["events", "filters", "values", "order"])
async def test_the_edges(part: list[dict[str, object]]) -> None:
    definitions = [
        Group.model_validate(condition if "logic" in condition else {"logic": "AND", "conditions": [condition]})
        for condition in part
    ]

    in_memory = await members_in_memory(EVENTS, definitions, NOW_MS)

    assert in_memory == [evaluate(definition, EVENTS, NOW_MS, segment_id=SEGMENT) for definition in definitions]
