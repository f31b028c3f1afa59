"""Warns about parts of a definition that cannot be meant: those that hold for everyone or for no one, and repeated ones.

A warning is certain: it does not depend on any events.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from segops_language.canonical import content_hash
from segops_language.conditions.base import Condition
from segops_language.faults import LanguageFault
from segops_language.groups import Group
from segops_language.registry import kind_of

Node = Group | Condition


def static_warnings(definition: Group) -> tuple[LanguageFault, ...]:
    """Return warnings in the order of the definition, each at the innermost part that causes it.

    Codes: always-true, always-false, duplicate-condition.
    """
    return tuple(_warnings(definition, "definition"))


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
    """Return what the group is: one false part makes AND false, one true part makes OR true; so do a part and its negation."""
    decisive = group.logic == "OR"
    verdicts = [_verdict(part) for part in group.conditions]
    if decisive in verdicts or _contradicts(group):
        return decisive
    return not decisive if all(verdict is not None for verdict in verdicts) else None


def _contradicts(group: Group) -> bool:
    hashes = {content_hash(part) for part in group.conditions}
    return any(content_hash(part.model_copy(update={"negate": not part.negate})) in hashes for part in group.conditions)
