"""Sequences and kept values, compared with the definition in docs/segment-language.md by trying every choice."""

from __future__ import annotations

from itertools import pairwise, product
from random import Random

import pytest
from pydantic import JsonValue

from segops_language.conditions.sequence import has_chain
from segops_language.conditions.trait import kept_since
from segops_language.values.json import same


def test_a_chain_is_any_choice_of_rising_times() -> None:
    random = Random(3)
    verdicts = set()
    for _ in range(4_000):
        steps = [{random.randrange(9) for _ in range(random.randrange(4))} for _ in range(random.randint(2, 5))]
        within = random.randrange(9)
        expected = any(
            all(one < other for one, other in pairwise(choice)) and choice[-1] - choice[0] <= within
            for choice in product(*steps)
        )

        assert has_chain(steps, within) == expected, (steps, within)
        verdicts.add((len(steps), expected))
    assert verdicts == set(product(range(2, 6), (True, False)))


@pytest.mark.parametrize(
    ("history", "since"),
    [
        ([], None),
        ([(1, None)], None),
        ([(1, "a")], 1),
        ([(1, "a"), (2, "a")], 1),
        ([(1, 5), (2, 5.0)], 1),
        ([(1, "a"), (2, "b")], 2),
        ([(1, "a"), (2, "b"), (3, "a")], 3),
        ([(1, "a"), (2, None)], None),
        ([(1, "a"), (2, None), (3, "a")], 3),
        ([(1, "a"), (2, "b"), (3, "b"), (4, "b")], 2),
    ],
)
def test_an_equal_value_does_not_restart_the_clock_and_a_removal_does(
    history: list[tuple[int, JsonValue]], since: int | None
) -> None:
    assert kept_since(history) == since


def test_values_are_the_same_in_type_and_value() -> None:
    different: list[JsonValue] = [
        1,
        True,
        "1",
        [1],
        [True],
        [1, 1],
        {"a": 1},
        {"a": True},
        {"a": [1]},
        {"b": 1},
        [],
        {},
    ]
    for one, other in product(different, different):
        assert same(one, other) == (one is other), (one, other)
    assert same({"a": 1, "b": [{"c": 0.0}]}, {"b": [{"c": -0.0, "d": None}], "a": 1.0})
