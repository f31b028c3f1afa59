"""Describes a definition in one English sentence, for people who do not write segments."""

from __future__ import annotations

from segops_language.conditions.base import Condition
from segops_language.groups import Group
from segops_language.registry import kind_of


def sentence_of(definition: Group) -> str:
    """Return one sentence, ended by a full stop; equal definitions have equal sentences."""
    if not definition.conditions:
        return "Everyone." if (definition.logic == "AND") != definition.negate else "No one."
    return f"{'All users except those' if definition.negate else 'Users'} {_joined(definition)}."


def _joined(group: Group) -> str:
    return (", and " if group.logic == "AND" else ", or ").join(map(_clause, group.conditions))


def _clause(node: Group | Condition) -> str:
    """Return a relative clause; a group inside of a group is put in brackets."""
    clause = _group_clause(node) if isinstance(node, Group) else kind_of(node).phrase(node)
    return f"who are not among those {clause}" if node.negate else clause


def _group_clause(group: Group) -> str:
    if group.conditions:
        return f"({_joined(group)})"
    return "who are anyone at all" if group.logic == "AND" else "who are no one at all"
