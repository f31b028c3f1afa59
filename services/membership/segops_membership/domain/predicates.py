"""The compiled form of definitions: frozen, hashable nodes in which equal questions are equal values.

Every test is false for a property that is missing and every count range leaves 0 out, so that each atom is answered
by the profiles for which there is something to read; all else is complement.
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
    """A JSON boolean; its own class because Python calls `True` and `1.0` equal."""

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
    """A string that holds the text, or an array with an equal element."""

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
    """What must hold of the property that `keys` lead to; `negated` is the exact complement."""

    keys: tuple[str, ...]
    test: Test
    negated: bool = False


@dataclass(frozen=True, slots=True)
class EventSelection:
    """Which events to count: of a type, after `after_ms` (excluded) up to `until_ms` (included), passing all checks."""

    pattern: EventPattern
    after_ms: int | None
    until_ms: int
    where: frozenset[PropertyCheck]


@dataclass(frozen=True, slots=True)
class CountPredicate:
    """Profiles with at least `low` (1 or more) and at most `high` selected events."""

    selection: EventSelection
    low: int
    high: int | None


@dataclass(frozen=True, slots=True)
class MatchPredicate:
    """Profiles whose first or last selected event, ties by message_id as bytes, passes all of `has`."""

    selection: EventSelection
    occurrence: Literal["first", "last"]
    has: frozenset[PropertyCheck]


@dataclass(frozen=True, slots=True)
class RegularityPredicate:
    """Profiles with `count` (1 or more) selected events in at least `at_least` (1 or more) periods back from the end."""

    selection: EventSelection
    period_ms: int
    count: int
    at_least: int


@dataclass(frozen=True, slots=True)
class PerValueCountPredicate:
    """Profiles with a scalar that at least `low` (1 or more) and at most `high` selected events have at `keys`."""

    selection: EventSelection
    keys: tuple[str, ...]
    low: int
    high: int | None


@dataclass(frozen=True, slots=True)
class DistinctCountPredicate:
    """Profiles whose selected events have at least `low` (1 or more) and at most `high` different scalars at `keys`."""

    selection: EventSelection
    keys: tuple[str, ...]
    low: int
    high: int | None


@dataclass(frozen=True, slots=True)
class AggregatePredicate:
    """Profiles whose selected events have numbers at `keys` with a sum or mean from `low` to `high`, both included.

    Sum and mean are exact, then rounded once to a double; an infinite end includes the infinity.
    """

    selection: EventSelection
    keys: tuple[str, ...]
    function: Literal["sum", "avg"]
    low: float
    high: float


ValuePredicate = PerValueCountPredicate | DistinctCountPredicate | AggregatePredicate
EventPredicate = CountPredicate | MatchPredicate | RegularityPredicate | ValuePredicate


@dataclass(frozen=True, slots=True)
class SequenceStep:
    """What one event of a sequence must be."""

    pattern: EventPattern
    where: frozenset[PropertyCheck]


@dataclass(frozen=True, slots=True)
class SequencePredicate:
    """Profiles with an event for each step, at rising times in a window, the last at most `within_ms` after the first."""

    steps: tuple[SequenceStep, ...]
    within_ms: int
    after_ms: int | None
    until_ms: int


@dataclass(frozen=True, slots=True)
class TraitPredicate:
    """Profiles whose trait, as of the run's instant, passes the test."""

    keys: tuple[str, ...]
    test: Test


@dataclass(frozen=True, slots=True)
class HeldSincePredicate:
    """Profiles with a value, not null, at `keys` of their traits that they have had since `since_ms` or before."""

    keys: tuple[str, ...]
    since_ms: int


@dataclass(frozen=True, slots=True)
class SamplePredicate:
    """Profiles whose hash with the seed, of 1,000,000, is under `below`."""

    seed: str
    below: int


@dataclass(frozen=True, slots=True)
class StaticListPredicate:
    """Profiles in a static segment's list, as its changes `since` to `until`, both included, have made it."""

    segment_id: int
    since: int
    until: int


Predicate = (
    EventPredicate | SequencePredicate | TraitPredicate | HeldSincePredicate | SamplePredicate | StaticListPredicate
)


@dataclass(frozen=True, slots=True)
class AllOf:
    """Members of every part; of no parts, everyone."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Members of some part; of no parts, no one."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Everyone but the members of a part."""

    part: Expression


@dataclass(frozen=True, slots=True)
class Reference:
    """Members of another segment. Within a plan, its id stands for its expression, however often that is referred to."""

    segment_id: int
    expression: Expression = field(compare=False, repr=False)


Expression = Predicate | AllOf | AnyOf | Not | Reference

EVERYONE = AllOf(())
NO_ONE = AnyOf(())


def predicates_of(*expressions: Expression) -> frozenset[Predicate]:
    """The distinct questions that the expressions ask, also through the segments that they refer to."""
    found: set[Predicate] = set()
    seen: set[int] = set()
    waiting = list(expressions)
    while waiting:
        for leaf in leaves_of(waiting.pop()):
            if not isinstance(leaf, Reference):
                found.add(leaf)
            elif leaf.segment_id not in seen:
                seen.add(leaf.segment_id)
                waiting.append(leaf.expression)
    return frozenset(found)


def leaves_of(expression: Expression) -> Iterator[Predicate | Reference]:
    """Atoms and references of the expression itself, not through others, as often as they are there."""
    waiting = [expression]
    while waiting:
        match waiting.pop():
            case AllOf(parts) | AnyOf(parts):
                waiting.extend(parts)
            case Not(part):
                waiting.append(part)
            case leaf:
                yield leaf
