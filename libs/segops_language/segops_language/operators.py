"""The one list of operators: value, JSON types, phrase, complement and meaning of each.

A change of meaning needs two more files, both in membership: `sql/filters.py` has the meaning in SQL, and
`domain/property_values.py` has that of the compiled form in Python. The same row is in docs/segment-language.md, which a
test compares with this table. Patterns are matched by RE2, as in the warehouse: in
time linear in the length of the text.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Final, Literal, get_args

import re2
from pydantic import JsonValue

from segops_language.values import Duration
from segops_language.values.instants import to_ms
from segops_language.values.json import equal, instant, number

JsonType = Literal["string", "number", "boolean", "array", "object"]
ValueKind = Literal["scalar", "list", "number", "bounds", "text", "pattern", "none", "instant", "duration"]

EqualityOperator = Literal["eq", "neq"]
OneOfOperator = Literal["in", "not_in"]
ComparisonOperator = Literal["gt", "gte", "lt", "lte"]
BetweenOperator = Literal["between"]
ContainmentOperator = Literal["contains", "not_contains"]
AffixOperator = Literal["starts_with", "ends_with"]
PatternOperator = Literal["matches", "not_matches"]
PresenceOperator = Literal["exists", "not_exists"]
InstantOperator = Literal["before", "after"]
RecencyOperator = Literal["within_last", "not_within_last"]
TimeOperator = Literal[InstantOperator, RecencyOperator]
CountOperator = Literal["eq", "neq", "gt", "gte", "lt", "lte", "between"]

STRING: Final[frozenset[JsonType]] = frozenset(["string"])
NUMERIC: Final[frozenset[JsonType]] = frozenset(["number", "string"])
"""A string may be a JSON number, or an RFC 3339 instant."""
SCALAR: Final[frozenset[JsonType]] = frozenset(["number", "string", "boolean"])
STRING_OR_ARRAY: Final[frozenset[JsonType]] = frozenset(["string", "array"])
ANY: Final[frozenset[JsonType]] = frozenset(get_args(JsonType))
SAME_AS_VALUE: Final = "same"


_COMPARE: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "eq": operator.eq,
    "neq": operator.ne,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}


def compare(value: float, name: str, target: float | tuple[float, ...]) -> bool:
    """Return whether a number satisfies an operator of counts; a tuple is [low, high], both included."""
    if isinstance(target, tuple):
        return target[0] <= value <= target[1]
    return _COMPARE[name](value, target)


Meaning = Callable[[JsonValue, Any, int], bool]
"""Returns whether a property's value satisfies an operator with its operand, as of an instant in milliseconds."""


def _is_among(value: JsonValue, operand: tuple[object, ...], _: int) -> bool:
    return any(equal(value, item) for item in operand)


def _compares(name: str) -> Meaning:
    def meaning(value: JsonValue, operand: float | tuple[float, ...], _: int) -> bool:
        left = number(value)
        right = tuple(map(float, operand)) if isinstance(operand, tuple) else float(operand)
        return left is not None and compare(left, name, right)

    return meaning


def _contains(value: JsonValue, operand: object, _: int) -> bool:
    if isinstance(value, str):
        return isinstance(operand, str) and operand in value
    return isinstance(value, list) and any(equal(element, operand) for element in value)


def _starts_with(value: JsonValue, operand: str, _: int) -> bool:
    return isinstance(value, str) and value.startswith(operand)


def _ends_with(value: JsonValue, operand: str, _: int) -> bool:
    return isinstance(value, str) and value.endswith(operand)


def _matches(value: JsonValue, operand: str, _: int) -> bool:
    return isinstance(value, str) and _compiled(operand).search(value) is not None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re2._Regexp:
    options = re2.Options()
    options.log_errors = False
    return re2.compile(pattern, options)


def _is_before(value: JsonValue, operand: Any, _: int) -> bool:
    at = instant(value)
    return at is not None and at < to_ms(operand)


def _is_after(value: JsonValue, operand: Any, _: int) -> bool:
    at = instant(value)
    return at is not None and at > to_ms(operand)


def _is_recent(value: JsonValue, operand: Duration, as_of_ms: int) -> bool:
    at = instant(value)
    return at is not None and as_of_ms - operand.milliseconds < at <= as_of_ms


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator of filters and traits."""

    value: ValueKind
    """The kind of its field `value`."""
    types: frozenset[JsonType] | Literal["same"]
    """The JSON types of properties that can satisfy it, or, for a complement, fail it."""
    phrase: str
    """The operator in English; `{}` is its value."""
    meaning: Meaning
    """When it holds; null stands for an absent property."""
    complement_of: str | None = None
    """The positive operator: this one holds exactly where that one does not."""


_POSITIVE: Final[Mapping[str, Operator]] = {
    "eq": Operator("scalar", SAME_AS_VALUE, "is {}", lambda value, operand, _: equal(value, operand)),
    "in": Operator("list", SAME_AS_VALUE, "is one of {}", _is_among),
    "gt": Operator("number", NUMERIC, "is more than {}", _compares("gt")),
    "gte": Operator("number", NUMERIC, "is at least {}", _compares("gte")),
    "lt": Operator("number", NUMERIC, "is less than {}", _compares("lt")),
    "lte": Operator("number", NUMERIC, "is at most {}", _compares("lte")),
    "between": Operator("bounds", NUMERIC, "is from {}", _compares("between")),
    "contains": Operator("scalar", STRING_OR_ARRAY, "contains {}", _contains),
    "starts_with": Operator("text", STRING, "starts with {}", _starts_with),
    "ends_with": Operator("text", STRING, "ends with {}", _ends_with),
    "matches": Operator("pattern", STRING, "matches the pattern {}", _matches),
    "exists": Operator("none", ANY, "is set", lambda value, _, __: value is not None),
    "before": Operator("instant", NUMERIC, "is before {}", _is_before),
    "after": Operator("instant", NUMERIC, "is after {}", _is_after),
    "within_last": Operator("duration", NUMERIC, "is in the last {}", _is_recent),
}
_COMPLEMENTS: Final[Mapping[str, tuple[str, str]]] = {
    "eq": ("neq", "is not {}"),
    "in": ("not_in", "is not one of {}"),
    "contains": ("not_contains", "does not contain {}"),
    "matches": ("not_matches", "does not match the pattern {}"),
    "exists": ("not_exists", "is not set"),
    "within_last": ("not_within_last", "is not in the last {}"),
}
"""Of a positive operator, the name and phrase of its exact complement."""


def _operators() -> Iterator[tuple[str, Operator]]:
    for name, positive in _POSITIVE.items():
        yield name, positive
        if name in _COMPLEMENTS:
            complement, phrase = _COMPLEMENTS[name]
            meaning = partial(_is_not, positive.meaning)
            yield complement, Operator(positive.value, positive.types, phrase, meaning, complement_of=name)


def _is_not(meaning: Meaning, value: JsonValue, operand: Any, as_of_ms: int) -> bool:
    return not meaning(value, operand, as_of_ms)


OPERATORS: Final[Mapping[str, Operator]] = dict(_operators())


@dataclass(frozen=True, slots=True)
class CountPhrases:
    """An operator of counts and aggregates in English; `{}` is its value."""

    times: str
    """After "did …": `{}` is "once" or "5 times"."""
    bound: str
    """As a bound: `{}` is a number."""


COUNT_OPERATORS: Final[Mapping[CountOperator, CountPhrases]] = {
    "eq": CountPhrases("exactly {}", "exactly {}"),
    "neq": CountPhrases("any number of times except {}", "other than {}"),
    "gt": CountPhrases("more than {}", "more than {}"),
    "gte": CountPhrases("at least {}", "at least {}"),
    "lt": CountPhrases("fewer than {}", "less than {}"),
    "lte": CountPhrases("at most {}", "at most {}"),
    "between": CountPhrases("between {}", "between {}"),
}


def types_for(name: str, value: object) -> frozenset[JsonType]:
    """Return the JSON types of properties that can satisfy the operator with this value, or fail its complement."""
    described = OPERATORS[name]
    if described.types == SAME_AS_VALUE:
        return frozenset(map(json_type, value)) if isinstance(value, tuple) else frozenset([json_type(value)])
    # A string contains strings only; an array may have any scalar as an element.
    return described.types - STRING if described.value == "scalar" and not isinstance(value, str) else described.types


def json_type(value: object) -> JsonType:
    """Return the JSON type of a scalar."""
    if isinstance(value, bool):
        return "boolean"
    return "string" if isinstance(value, str) else "number"
