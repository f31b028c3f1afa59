"""Bugs planted in the compiler are found by interpreting what it makes, without an engine."""

from __future__ import annotations

import pytest

from segops_language import Group
from segops_language.reference.evaluate import evaluate
from segops_membership.questions.registry import QUESTIONS
from tests.corpus.cases import SEGMENT
from tests.corpus.edges import DEFINITIONS, EVENTS
from tests.corpus.instants import NOW_MS
from tests.corpus.killers import KILLERS
from tests.corpus.mutants import COMPILER_MUTANTS, MUTANTS, Mutant
from tests.unit.membership.in_memory import members_in_memory


@pytest.mark.parametrize("mutant", COMPILER_MUTANTS, ids=lambda mutant: mutant.name)
async def test_a_planted_bug_is_caught(mutant: Mutant) -> None:
    part, killers = KILLERS[mutant.name]
    conditions = [DEFINITIONS[part][index] for index in killers]
    definitions = [
        Group.model_validate(condition if "logic" in condition else {"logic": "AND", "conditions": [condition]})
        for condition in conditions
    ]
    correct = [evaluate(definition, EVENTS, NOW_MS, segment_id=SEGMENT) for definition in definitions]

    assert await members_in_memory(EVENTS, definitions, NOW_MS) == correct
    with mutant.planted():
        assert await members_in_memory(EVENTS, definitions, NOW_MS) != correct


# A condition on another segment only looks up what that segment compiled to.
@pytest.mark.parametrize("condition_type", sorted(QUESTIONS.keys() - {"segment"}))
def test_bugs_are_planted_in_every_condition_type(condition_type: str) -> None:
    module = QUESTIONS[condition_type].compile.__module__

    assert any(mutant.module.__name__ == module for mutant in MUTANTS)
