"""The one list of operators: value, JSON types, phrase and complement of each.

The meaning of a filter's operator is in `reference/checks.py`, and in SQL in membership's `sql/filters.py` (in Python for
tests: `domain/property_values.py`).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

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


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator of filters and traits."""

    value: ValueKind
    """The kind of its field `value`."""
    types: frozenset[JsonType] | Literal["same"]
    """The JSON types of properties that can satisfy it, or, for a complement, fail it."""
    phrase: str
    """The operator in English; `{}` is its value."""
    complement_of: str | None = None
    """The positive operator: this one holds exactly where that one does not."""


OPERATORS: Final[Mapping[str, Operator]] = {
    "eq": Operator("scalar", SAME_AS_VALUE, "is {}"),
    "neq": Operator("scalar", SAME_AS_VALUE, "is not {}", complement_of="eq"),
    "in": Operator("list", SAME_AS_VALUE, "is one of {}"),
    "not_in": Operator("list", SAME_AS_VALUE, "is not one of {}", complement_of="in"),
    "gt": Operator("number", NUMERIC, "is more than {}"),
    "gte": Operator("number", NUMERIC, "is at least {}"),
    "lt": Operator("number", NUMERIC, "is less than {}"),
    "lte": Operator("number", NUMERIC, "is at most {}"),
    "between": Operator("bounds", NUMERIC, "is from {}"),
    "contains": Operator("scalar", STRING_OR_ARRAY, "contains {}"),
    "not_contains": Operator("scalar", STRING_OR_ARRAY, "does not contain {}", complement_of="contains"),
    "starts_with": Operator("text", STRING, "starts with {}"),
    "ends_with": Operator("text", STRING, "ends with {}"),
    "matches": Operator("pattern", STRING, "matches the pattern {}"),
    "not_matches": Operator("pattern", STRING, "does not match the pattern {}", complement_of="matches"),
    "exists": Operator("none", ANY, "is set"),
    "not_exists": Operator("none", ANY, "is not set", complement_of="exists"),
    "before": Operator("instant", NUMERIC, "is before {}"),
    "after": Operator("instant", NUMERIC, "is after {}"),
    "within_last": Operator("duration", NUMERIC, "is in the last {}"),
    "not_within_last": Operator("duration", NUMERIC, "is not in the last {}", complement_of="within_last"),
}


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
