"""Short labels of conditions for tables: `count(purchase) ≥ 2`, `sum(order.total) ≥ 500 last 30d`, `plan = "pro"`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from segops_language.conditions import EventAggregate, EventCount
from segops_language.conditions.base import Condition
from segops_language.conditions.trait import TraitCondition
from segops_language.filters import ComparisonFilter, EqualityFilter
from segops_language.groups import Group
from segops_language.registry import kind_of
from segops_language.text.parts import quoted, where_text, window_text
from segops_language.values import Threshold

_SIGNS: Final[Mapping[str, str]] = {"eq": "=", "neq": "≠", "gt": ">", "gte": "≥", "lt": "<", "lte": "≤"}


def label_of(node: Group | Condition) -> str:
    """Return a label of one line. Where mathematics has no shorter one, it is the text form."""
    negation = "not " if node.negate else ""
    return negation + (_group(node) if isinstance(node, Group) else _condition(node))


def _group(group: Group) -> str:
    quantity = "all" if group.logic == "AND" else "any"
    return f"{quantity} of {len(group.conditions)} condition{'' if len(group.conditions) == 1 else 's'}"


def _condition(node: Condition) -> str:
    match node:
        case EventCount(per=None):
            return _measured(f"count({node.event_type})", node)
        case EventAggregate():
            return _measured(f"{node.function}({node.event_type}.{node.property})", node)
        case TraitCondition(held_for=None) if isinstance(node, EqualityFilter | ComparisonFilter):
            return f"{node.property} {_SIGNS[node.operator]} {quoted(node.value)}"
        case _:
            return kind_of(node).write(node)


def _measured(what: str, node: EventCount | EventAggregate) -> str:
    tail = f"{window_text(node.window)}{where_text(node.where)}"
    return f"{what} {_threshold(node.operator, node.value)}{tail}"


def _threshold(operator: str, value: Threshold) -> str:
    if isinstance(value, tuple):
        return f"between {quoted(value[0])} and {quoted(value[1])}"
    return f"{_SIGNS[operator]} {quoted(value)}"
