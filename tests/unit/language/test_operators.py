"""The one list of operators, and everything that must agree with it: models, meanings, documentation."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
from pydantic import JsonValue, TypeAdapter

from segops_language import parse_definition, to_json
from segops_language.filters import AnyFilter, Filter
from segops_language.operators import COUNT_OPERATORS, OPERATORS, CountOperator, JsonType, compare, types_for
from segops_language.reference.checks import passes

DOCUMENT = (Path(__file__).parents[3] / "docs" / "segment-language.md").read_text(encoding="utf-8")
OPERANDS = {
    "scalar": "7",
    "list": ("7", 7),
    "number": 7,
    "bounds": (1, 9),
    "text": "7",
    "pattern": "7",
    "none": None,
    "instant": "2026-01-31T09:00:00Z",
    "duration": "7d",
}
VALUES = {
    "scalar": "a string, a number or a boolean",
    "list": "a list of 1 to 1000 of them",
    "number": "a number",
    "bounds": "[low, high], both included",
    "text": "a string",
    "pattern": "an RE2 pattern of at most 256 characters",
    "none": "none",
    "instant": "an RFC 3339 instant",
    "duration": "a duration",
}
SAMPLES: dict[JsonType, list[JsonValue]] = {
    "string": ["7", "6", "8", "2026-01-30T09:00:00Z", "2026-02-01T09:00:00Z", "2026-01-31T08:00:00Z"],
    "number": [7, 1_769_846_400, 1, 99, 1_769_850_100],
    "boolean": [True, False],
    "array": [["7"], [7], []],
    "object": [{"7": 7}],
}
AS_OF_MS = 1_769_850_000_000


FILTERS: TypeAdapter[AnyFilter] = TypeAdapter(Filter)


def test_the_models_have_every_operator_once() -> None:
    counted = [name for model in get_args(AnyFilter) for name in get_args(model.model_fields["operator"].annotation)]
    assert sorted(counted) == sorted(OPERATORS)


@pytest.mark.parametrize("name", OPERATORS)
def test_a_complement_is_of_an_operator_that_is_none(name: str) -> None:
    positive = OPERATORS[name].complement_of
    if positive is None:
        return
    assert OPERATORS[positive].complement_of is None
    assert (OPERATORS[positive].value, OPERATORS[positive].types) == (OPERATORS[name].value, OPERATORS[name].types)


@pytest.mark.parametrize("name", OPERATORS)
def test_the_reference_looks_at_the_types_of_the_table(name: str) -> None:
    operator = OPERATORS[name]
    operand = OPERANDS[operator.value]
    document = {"property": "p", "operator": name} | ({} if operand is None else {"value": operand})
    check = FILTERS.validate_python(document)
    types = types_for(name, operand)
    for kind, samples in SAMPLES.items():
        satisfied = any(
            passes(check, {"p": value}, AS_OF_MS) != (operator.complement_of is not None) for value in samples
        )
        assert satisfied == (kind in types), (name, kind)
    assert passes(check, {}, AS_OF_MS) == (operator.complement_of is not None)


@pytest.mark.parametrize("name", OPERATORS)
def test_the_phrase_has_a_place_for_a_value_if_there_is_one(name: str) -> None:
    assert ("{}" in OPERATORS[name].phrase) == (OPERATORS[name].value != "none")


def test_the_documented_table_is_this_one() -> None:
    section = DOCUMENT.split("## Filters and operators", 1)[1].split("## ", 1)[0]
    rows = [
        [cell.strip() for cell in row.strip("|").split("|")] for row in section.splitlines() if row.startswith("| `")
    ]
    documented = {name: (value, types) for names, value, types, _ in rows for name in re.findall(r"`(\w+)`", names)}
    assert list(documented) == list(OPERATORS)
    for name, (value, types) in documented.items():
        operator = OPERATORS[name]
        same = operator.types == "same" or set(get_args(JsonType)) == operator.types
        expected = (
            {"same": "the value's", "any": "any"}["same" if operator.types == "same" else "any"] if same else None
        )
        assert value == VALUES[operator.value], name
        assert types == (expected or ", ".join(sorted(operator.types, reverse=True))), name
    complements = section.split("A negative operator", 1)[1].split("and no other", 1)[0]
    assert re.findall(r"`(\w+)`", complements) == [name for name in OPERATORS if OPERATORS[name].complement_of]


def test_the_documented_operators_of_counts_are_these() -> None:
    names = re.search(r"counts and aggregates take\s+`([a-z ]+)`", DOCUMENT)
    assert names is not None
    assert names[1].split() == list(COUNT_OPERATORS) == list(get_args(CountOperator))


@pytest.mark.parametrize("name", COUNT_OPERATORS)
def test_counts_compare_as_their_operator_says(name: CountOperator) -> None:
    target: int | tuple[int, int] = (2, 3) if name == "between" else 2
    verdicts = [compare(value, name, target) for value in (1, 2, 3, 4)]
    expected = {
        "eq": [0, 1, 0, 0],
        "neq": [1, 0, 1, 1],
        "gt": [0, 0, 1, 1],
        "gte": [0, 1, 1, 1],
        "lt": [1, 0, 0, 0],
        "lte": [1, 1, 0, 0],
        "between": [0, 1, 1, 0],
    }
    assert verdicts == list(map(bool, expected[name]))
    operand = list(target) if isinstance(target, tuple) else target
    condition = {"type": "event_count", "event_type": "a", "operator": name, "value": operand}
    assert to_json(parse_definition({"logic": "AND", "conditions": [condition]}).conditions[0])["operator"] == name
