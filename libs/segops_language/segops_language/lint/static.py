"""Warns about parts of a definition that cannot be meant: those that hold for everyone or for no one, and repeated ones.

A warning is certain: it does not depend on any events. A window that begins in the future has none until then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from segops_language.canonical import content_hash
from segops_language.conditions.base import Condition
from segops_language.faults import LanguageFault
from segops_language.filters import PropertyTest
from segops_language.groups import Group
from segops_language.lint.contradictions import contradicts, filters_contradict
from segops_language.registry import kind_of
from segops_language.walk import Part, conditions_in, parts_of
from segops_language.windows import RangeWindow

Node = Group | Condition


def static_warnings(definition: Group, now: datetime) -> tuple[LanguageFault, ...]:
    """Return warnings in the order of the definition, each at the innermost part that causes it; then those
    about filters and windows.

    Codes: always-true, always-false, duplicate-condition, contradictory-filters, future-window.
    """
    return definition.sent_faults((*_warnings(definition, "definition"), *_part_warnings(definition, now)))


def _part_warnings(definition: Group, now: datetime) -> Iterator[LanguageFault]:
    for path, condition in conditions_in(definition):
        for part in parts_of(condition, path):
            yield from _filter_warnings(part)
            yield from _window_warnings(part, now)


def _window_warnings(part: Part, now: datetime) -> Iterator[LanguageFault]:
    start = part.model.from_ if isinstance(part.model, RangeWindow) else None
    if isinstance(start, datetime) and start > now:
        detail = "The window begins in the future: until then, no event is in it."
        yield LanguageFault(f"{part.path}.from", "future-window", detail)


def _filter_warnings(part: Part) -> Iterator[LanguageFault]:
    for name in type(part.model).model_fields:
        value = getattr(part.model, name)
        filters = [item for item in value if isinstance(item, PropertyTest)] if isinstance(value, tuple) else []
        if filters_contradict(filters):
            detail = "No event passes all of these filters."
            yield LanguageFault(f"{part.path}.{name}", "contradictory-filters", detail)


def _warnings(node: Node, path: str) -> Iterator[LanguageFault]:
    if not isinstance(node, Group):
        yield from _constant(path, _verdict(node))
        return
    parts = [(f"{path}.conditions[{index}]", part) for index, part in enumerate(node.conditions)]
    inner = [fault for at, part in parts for fault in _warnings(part, at)]
    if not any(fault.code != "duplicate-condition" for fault in inner):
        yield from _constant(path, _verdict(node))
    yield from _repeated(parts)
    yield from inner


def _constant(path: str, verdict: bool | None) -> Iterator[LanguageFault]:
    if verdict is True:
        yield LanguageFault(path, "always-true", "This is true for every user.")
    elif verdict is False:
        yield LanguageFault(path, "always-false", "This is true for no user.")


def _repeated(parts: Sequence[tuple[str, Node]]) -> Iterator[LanguageFault]:
    first_paths: dict[str, str] = {}
    for path, part in parts:
        first = first_paths.setdefault(content_hash(part), path)
        if first != path:
            yield LanguageFault(path, "duplicate-condition", f"This repeats {first}.")


def _verdict(node: Node) -> bool | None:
    """Return what the node, its negation included, is for everyone; None when that depends on the user."""
    verdict = _group(node) if isinstance(node, Group) else kind_of(node).constant(node)
    return None if verdict is None else verdict != node.negate


def _group(group: Group) -> bool | None:
    """Return what the group is: one false part makes AND false, one true part makes OR true; so do contradictions."""
    decisive = group.logic == "OR"
    verdicts = [_verdict(part) for part in group.conditions]
    if decisive in verdicts or _repeats_negated(group) or contradicts(group.conditions, not decisive):
        return decisive
    return not decisive if all(verdict is not None for verdict in verdicts) else None


def _repeats_negated(group: Group) -> bool:
    hashes = {content_hash(part) for part in group.conditions}
    return any(content_hash(part.model_copy(update={"negate": not part.negate})) in hashes for part in group.conditions)
