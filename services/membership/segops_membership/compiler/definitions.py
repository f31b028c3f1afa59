"""From definitions to expressions, by the question of each condition type."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from segops_language.conditions import Condition
from segops_language.groups import Group
from segops_membership.domain.predicates import (
    AllOf,
    AnyOf,
    Expression,
    Reference,
    StaticListPredicate,
    negated_if,
)
from segops_membership.domain.segment_graph import dependency_order
from segops_membership.questions.question import Context
from segops_membership.questions.registry import QUESTIONS

NO_REFERENCES: Final[Mapping[int, Group]] = MappingProxyType({})
NO_LISTS: Final[Mapping[int, StaticListPredicate]] = MappingProxyType({})


def compile_definition(
    definition: Group,
    as_of_ms: int,
    *,
    segment_id: int,
    references: Mapping[int, Group] = NO_REFERENCES,
    lists: Mapping[int, StaticListPredicate] = NO_LISTS,
) -> Expression:
    """Compile the definition of one segment, as of an instant. Raises BrokenReference."""
    return compile_definitions({segment_id: definition}, as_of_ms, references=references, lists=lists)[segment_id]


def compile_definitions(
    definitions: Mapping[int, Group],
    as_of_ms: int,
    *,
    references: Mapping[int, Group] = NO_REFERENCES,
    lists: Mapping[int, StaticListPredicate] = NO_LISTS,
) -> dict[int, Expression]:
    """Compile definitions by segment id; each segment that they refer to is compiled once.

    `references` has the definitions of the segments that these refer to, directly or through others; for a segment that
    is in both, the one in `definitions` counts. A segment in `lists` is static: its definition is ignored.
    Raises BrokenReference.
    """
    every_definition = {**references, **definitions}
    compiled: dict[int, Reference] = {}
    for segment_id in dependency_order(definitions, every_definition):
        context = Context(as_of_ms, segment_id, compiled)
        expression = lists.get(segment_id) or _group(every_definition[segment_id], context)
        compiled[segment_id] = Reference(segment_id, expression)
    return {segment_id: compiled[segment_id].expression for segment_id in definitions}


def _group(group: Group, context: Context) -> Expression:
    parts = tuple(_node(node, context) for node in group.conditions)
    return negated_if(group.negate, AllOf(parts) if group.logic == "AND" else AnyOf(parts))


def _node(node: Group | Condition, context: Context) -> Expression:
    if isinstance(node, Group):
        return _group(node, context)
    return negated_if(node.negate, QUESTIONS[node.type].compile(node, context))
