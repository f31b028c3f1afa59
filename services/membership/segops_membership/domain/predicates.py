"""The compiled form of definitions: frozen, hashable nodes in which equal questions are equal values.

An expression combines predicates. Each kind of predicate is defined in `questions`, in the file of its condition type;
here is what all kinds share. Every test is false for a property that is absent and every count range leaves 0 out, so
only profiles with something to read satisfy a predicate; everything else is a complement.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from segops_language.values import EventPattern


@dataclass(frozen=True, slots=True)
class TextValue:
    """A JSON string."""

    text: str


@dataclass(frozen=True, slots=True)
class NumberValue:
    """A JSON number, as the double it compares as."""

    number: float


@dataclass(frozen=True, slots=True)
class FlagValue:
    """A JSON boolean; a class of its own because Python calls `True` and `1.0` equal."""

    flag: bool


Value = TextValue | NumberValue | FlagValue


@dataclass(frozen=True, slots=True)
class OneOf:
    """Equal in type and value to one of these."""

    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Compares:
    """A number, or a string that is a JSON number, on one side of a bound."""

    operator: Literal["gt", "gte", "lt", "lte"]
    bound: float


@dataclass(frozen=True, slots=True)
class Between:
    """A number, or a string that is a JSON number, from `low` to `high`, both included."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Contains:
    """A string that contains the text, or an array with an equal element."""

    value: Value


@dataclass(frozen=True, slots=True)
class Affix:
    """A string that starts or ends with a text."""

    end: Literal["starts_with", "ends_with"]
    text: str


@dataclass(frozen=True, slots=True)
class Matches:
    """A string in which an RE2 pattern matches somewhere."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Present:
    """Any value but null."""


@dataclass(frozen=True, slots=True)
class InstantIn:
    """An instant after `after_ms` and before `before_ms`, both excluded; None leaves the side open."""

    after_ms: int | None
    before_ms: int | None


Test = OneOf | Compares | Between | Contains | Affix | Matches | Present | InstantIn


@dataclass(frozen=True, slots=True)
class PropertyCheck:
    """A test of the property at `keys`; `negated` makes it the exact complement."""

    keys: tuple[str, ...]
    test: Test
    negated: bool = False


@dataclass(frozen=True, slots=True)
class EventSelection:
    """Events of a type, after `start_ms` (excluded) up to `end_ms` (included), that pass all checks."""

    pattern: EventPattern
    start_ms: int | None
    end_ms: int
    where: frozenset[PropertyCheck]


class Predicate:
    """A question that each profile answers with yes or no. Each kind is a frozen dataclass."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class StaticListPredicate(Predicate):
    """Profiles in a static segment's list, as its versions `since` to `until`, both included, made it."""

    segment_id: int
    since: int
    until: int


@dataclass(frozen=True, slots=True)
class AllOf:
    """Members of every part; everyone when there are no parts."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Members of at least one part; no one when there are no parts."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Everyone but the members of a part."""

    part: Expression


@dataclass(frozen=True, slots=True)
class Reference:
    """Members of another segment.

    Within one compilation the id stands for the expression, so comparing and hashing never walk into it.
    """

    segment_id: int
    expression: Expression = field(compare=False, repr=False)


Expression = Predicate | AllOf | AnyOf | Not | Reference

EVERYONE = AllOf(())
NO_ONE = AnyOf(())


def negated_if(negate: bool, expression: Expression) -> Expression:
    """Return the expression, or its complement."""
    return Not(expression) if negate else expression


def predicates_of(*expressions: Expression) -> frozenset[Predicate]:
    """Return the distinct predicates of the expressions and of all segments that they lead to."""
    predicates: set[Predicate] = set()
    visited: set[int] = set()
    pending = list(expressions)
    while pending:
        for leaf in leaves_of(pending.pop()):
            if not isinstance(leaf, Reference):
                predicates.add(leaf)
            elif leaf.segment_id not in visited:
                visited.add(leaf.segment_id)
                pending.append(leaf.expression)
    return frozenset(predicates)


def reads_events(expression: Expression) -> bool:
    """Return whether an event may change the members: never in static lists, their unions and intersections."""
    match expression:
        case AllOf(parts):
            return not parts or any(map(reads_events, parts))
        case AnyOf(parts):
            return any(map(reads_events, parts))
        case Reference(expression=referenced):
            return reads_events(referenced)
        case predicate:
            return not isinstance(predicate, StaticListPredicate)


def leaves_of(expression: Expression) -> Iterator[Predicate | Reference]:
    """Yield the predicates and references of the expression itself, repeated ones again; references are not followed."""
    pending = [expression]
    while pending:
        match pending.pop():
            case AllOf(parts) | AnyOf(parts):
                pending.extend(parts)
            case Not(part):
                pending.append(part)
            case leaf:
                yield leaf
