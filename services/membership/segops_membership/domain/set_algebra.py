"""Expressions over answered atoms, as set algebra on bitmaps of profile numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pyroaring import BitMap

from segops_membership.domain.predicates import (
    AllOf,
    AnyOf,
    Expression,
    Not,
    Predicate,
    Reference,
    StaticListPredicate,
    leaves_of,
)


@dataclass(frozen=True, slots=True)
class Referred:
    """The members of a segment that others refer to, and the universe that it has by itself."""

    members: BitMap
    universe: BitMap


def members(
    expression: Expression,
    answers: Mapping[Predicate, BitMap],
    universe: BitMap,
    known: dict[int, Referred] | None = None,
) -> BitMap:
    """Who satisfies the expression; nobody outside of its universe does, whatever an answer says.

    `universe` are the profiles with events; that of an expression is `universe_of` it, of a segment that it refers to
    that segment's own.
    `known` are the segments that were referred to before, under the same answers; those met here are added.
    """
    found = {} if known is None else known
    for reference in _unknown(expression, found):
        own = universe_of(reference.expression, answers, universe, found)
        found[reference.segment_id] = Referred(_members(reference.expression, answers, own, found), own)
    return _members(expression, answers, universe_of(expression, answers, universe, found), found)


def universe_of(
    expression: Expression, answers: Mapping[Predicate, BitMap], universe: BitMap, known: Mapping[int, Referred]
) -> BitMap:
    """The profiles with events, and those in the static lists that the expression leads to, events or not.

    All segments that it refers to are `known`. Raises KeyError for one that is not.
    """
    found = universe
    for leaf in leaves_of(expression):
        if isinstance(leaf, StaticListPredicate):
            found = _with(found, answers[leaf])
        elif isinstance(leaf, Reference):
            found = _with(found, known[leaf.segment_id].universe)
    return found


def _with(universe: BitMap, more: BitMap) -> BitMap:
    """Both together: one of the two where that is enough, so that the links of a long chain share what they have."""
    if more.issubset(universe):
        return universe
    return more if universe.issubset(more) else universe | more


def _members(
    expression: Expression, answers: Mapping[Predicate, BitMap], universe: BitMap, known: Mapping[int, Referred]
) -> BitMap:
    match expression:
        case Reference(segment_id):
            return known[segment_id].members
        case AllOf(parts):
            found = universe.copy()
            for part in parts:
                found &= _members(part, answers, universe, known)
            return found
        case AnyOf(parts):
            found = BitMap()
            for part in parts:
                found |= _members(part, answers, universe, known)
            return found
        case Not(part):
            return universe - _members(part, answers, universe, known)
        case atom:
            return answers[atom] & universe


def _unknown(expression: Expression, known: Mapping[int, Referred]) -> list[Reference]:
    """The references that an expression leads to, those that one depends on before it; without the known ones."""
    ordered: list[Reference] = []
    done = set(known)
    waiting = _references_in(expression)
    while waiting:
        reference = waiting[-1]
        if reference.segment_id in done:
            waiting.pop()
            continue
        needed = [each for each in _references_in(reference.expression) if each.segment_id not in done]
        waiting += needed
        if not needed:
            done.add(reference.segment_id)
            ordered.append(reference)
    return ordered


def _references_in(expression: Expression) -> list[Reference]:
    """Those of the expression itself, not through others; each once."""
    return list({leaf.segment_id: leaf for leaf in leaves_of(expression) if isinstance(leaf, Reference)}.values())
