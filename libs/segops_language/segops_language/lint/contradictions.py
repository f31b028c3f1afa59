"""Finds conditions on one property, count or aggregate that can never hold together.

Only sound conclusions: tests that cannot be decided on candidates are left out, which makes a conjunction weaker.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from segops_language.canonical import to_json
from segops_language.conditions.aggregate import EventAggregate
from segops_language.conditions.base import Condition
from segops_language.conditions.count import EventCount
from segops_language.conditions.trait import TraitCondition
from segops_language.filters import PropertyTest
from segops_language.groups import Group
from segops_language.lint.candidates import number_candidates, value_candidates, whole_candidates
from segops_language.operators import OPERATORS, compare

Node = Group | Condition
_DECIDABLE: Final = frozenset(["scalar", "list", "number", "bounds", "none"])
_MAX_WORK: Final = 200_000
"""Comparisons for one subject. Beyond it, nothing is concluded."""
Operand = Any


@dataclass(frozen=True, slots=True)
class _Claim:
    """A test of a subject that must hold, or must fail."""

    subject: tuple[Hashable, ...]
    holds: Callable[[Any], bool]
    operands: tuple[object, ...]
    is_true: bool


def contradicts(nodes: Sequence[Node], expected: bool) -> bool:
    """Return whether the nodes can never all be `expected`, their own negations included."""
    return _is_impossible(claim for node in nodes for claim in _claims(node, expected))


def filters_contradict(filters: Sequence[PropertyTest]) -> bool:
    """Return whether no event can pass all filters."""
    return _is_impossible(claim for test in filters for claim in _of_property(test, True))


def _claims(node: Node, expected: bool) -> Iterator[_Claim]:
    """Yield what must hold if the node is `expected`."""
    is_true = expected is not node.negate
    match node:
        case Group():
            # AND is true if all parts are; OR is false if all parts are. Otherwise nothing follows for a single part.
            if is_true == (node.logic == "AND") or len(node.conditions) == 1:
                for part in node.conditions:
                    yield from _claims(part, is_true)
        case EventCount(per=None):
            yield _compared(node, ("count", *_events(node)), is_true)
        case EventAggregate():
            yield _compared(node, (node.function, node.property, *_events(node)), is_true)
        case TraitCondition() if isinstance(node, PropertyTest) and (is_true or node.held_for is None):
            yield from _of_property(node, is_true)
        case _:
            return


def _events(node: EventCount | EventAggregate) -> tuple[Hashable, ...]:
    document = to_json(node)
    return tuple(repr(document.get(name)) for name in ("event_type", "window", "where"))


def _compared(node: EventCount | EventAggregate, subject: tuple[Hashable, ...], is_true: bool) -> _Claim:
    operands = node.value if isinstance(node.value, tuple) else (node.value,)

    def holds(value: float | None) -> bool:
        return node.operator == "neq" if value is None else compare(value, node.operator, node.value)

    return _Claim(subject, holds, operands, is_true)


def _of_property(test: PropertyTest, is_true: bool) -> Iterator[_Claim]:
    operator = OPERATORS[test.operator]
    operand = getattr(test, "value", None)
    if operator.value not in _DECIDABLE or test.operator in ("contains", "not_contains"):
        return
    operands = operand if isinstance(operand, tuple) else () if operand is None else (operand,)
    yield _Claim(("property", test.property), lambda value: operator.meaning(value, operand, 0), operands, is_true)


def _is_impossible(claims: Iterable[_Claim]) -> bool:
    by_subject: defaultdict[tuple[Hashable, ...], list[_Claim]] = defaultdict(list)
    for claim in claims:
        by_subject[claim.subject].append(claim)
    return any(len(some) > 1 and _holds_never(subject, some) for subject, some in by_subject.items())


def _holds_never(subject: tuple[Hashable, ...], claims: Sequence[_Claim]) -> bool:
    operands = [operand for claim in claims for operand in claim.operands]
    if (len(operands) + 10) * 4 * (len(operands) + len(claims)) > _MAX_WORK:
        return False
    return not any(
        all(claim.holds(value) is claim.is_true for claim in claims) for value in _candidates(subject, operands)
    )


def _candidates(subject: tuple[Hashable, ...], operands: Sequence[Any]) -> Iterable[Any]:
    match subject[0]:
        case "property":
            return value_candidates(operands)
        case "count" | "distinct":
            return whole_candidates(operands)
        case _:
            return [None, float("inf"), float("-inf"), *number_candidates(operands)]
