"""What a definition says that cannot be meant: parts that hold for everyone or for no one, and parts said twice.

Said only where it is sure, whatever the events are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import assert_never

from segops_language import (
    AnyCondition,
    EventAggregate,
    EventCount,
    EventMatch,
    EventRegularity,
    EventSequence,
    EventTime,
    Group,
    Sample,
    SegmentMembership,
    TraitCondition,
    content_hash,
)
from segops_language.faults import DefinitionFault

Node = Group | AnyCondition


def static_warnings(definition: Group) -> tuple[DefinitionFault, ...]:
    """In the order in which it is written, the innermost part to blame; codes: always-true, always-false, duplicate-condition."""
    return tuple(_warnings(definition, "definition"))


def _warnings(node: Node, path: str) -> Iterator[DefinitionFault]:
    if not isinstance(node, Group):
        yield from _constant(path, _verdict(node))
        return
    parts = [(f"{path}.conditions[{index}]", part) for index, part in enumerate(node.conditions)]
    inner = [fault for at, part in parts for fault in _warnings(part, at)]
    if not any(fault.code != "duplicate-condition" for fault in inner):
        yield from _constant(path, _verdict(node))
    yield from _repeated(parts)
    yield from inner


def _constant(path: str, verdict: bool | None) -> Iterator[DefinitionFault]:
    if verdict is True:
        yield DefinitionFault(path, "always-true", "This holds for everyone.")
    elif verdict is False:
        yield DefinitionFault(path, "always-false", "This holds for no one.")


def _repeated(parts: Sequence[tuple[str, Node]]) -> Iterator[DefinitionFault]:
    seen: dict[str, str] = {}
    for path, part in parts:
        first = seen.setdefault(content_hash(part), path)
        if first != path:
            yield DefinitionFault(path, "duplicate-condition", f"This is the same as {first}.")


def _verdict(node: Node) -> bool | None:
    """What the node is for everyone, its negation included; None when that depends."""
    found = _group(node) if isinstance(node, Group) else _condition(node)
    return None if found is None else found != node.negate


def _group(group: Group) -> bool | None:
    """One part that is false makes AND false, one that is true makes OR true; so do a part and its own negation."""
    decisive = group.logic == "OR"
    verdicts = [_verdict(part) for part in group.conditions]
    if decisive in verdicts or _contradicts(group):
        return decisive
    return not decisive if all(verdict is not None for verdict in verdicts) else None


def _contradicts(group: Group) -> bool:
    said = {content_hash(part) for part in group.conditions}
    return any(content_hash(part.model_copy(update={"negate": not part.negate})) in said for part in group.conditions)


def _condition(node: AnyCondition) -> bool | None:
    match node:
        case EventCount() | EventAggregate():
            return _measured(node)
        case EventRegularity():
            return False if node.at_least > node.of else True if 0 in (node.at_least, node.count) else None
        case EventSequence():
            return False if node.within.milliseconds == 0 else None
        case Sample():
            return {0: False, 100: True}.get(int(node.percent)) if float(node.percent).is_integer() else None
        case EventTime() | EventMatch() | TraitCondition() | SegmentMembership():
            return None
        case _:
            assert_never(node)


def _measured(node: EventCount | EventAggregate) -> bool | None:
    """Of whole numbers from 0 on; of the counts of single values, from 1 on, and there may be none."""
    if isinstance(node, EventAggregate) and node.function != "distinct":
        return None
    per_value = isinstance(node, EventCount) and node.per is not None
    low, high = _range(node.operator, node.value, 1 if per_value else 0)
    if node.operator == "neq":
        return True if low > high and not per_value else None
    if low > high:
        return False
    return True if low == 0 and high == math.inf else None


def _range(operator: str, value: float | tuple[float, ...], least: int) -> tuple[float, float]:
    """The whole numbers from `least` on that satisfy (for `neq`, that do not), both ends included."""
    low, high = (value[0], value[-1]) if isinstance(value, tuple) else (value, value)
    match operator:
        case "gt":
            return max(math.floor(low) + 1, least), math.inf
        case "gte":
            return max(math.ceil(low), least), math.inf
        case "lt":
            return least, math.ceil(high) - 1
        case "lte":
            return least, math.floor(high)
        case _:
            return max(math.ceil(low), least), math.floor(high)
