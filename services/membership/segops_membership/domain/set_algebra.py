"""Evaluates expressions by set algebra: bitmaps of profile numbers, one for each predicate, become the members."""

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
class ReferencedSegment:
    """The members of a segment that others refer to, and the universe of that segment itself."""

    members: BitMap
    universe: BitMap


def members(
    expression: Expression,
    bitmaps: Mapping[Predicate, BitMap],
    universe: BitMap,
    referenced: dict[int, ReferencedSegment] | None = None,
) -> BitMap:
    """Return who satisfies the expression; nobody outside of its universe does, whatever a bitmap says.

    `universe` has the profiles with events; the expression's own universe is `universe_of` it, and each segment that it
    refers to has one of its own.
    `referenced` are segments that were evaluated before, with the same bitmaps; segments evaluated here are added.
    """
    segments = {} if referenced is None else referenced
    for reference in _not_evaluated(expression, segments):
        own = universe_of(reference.expression, bitmaps, universe, segments)
        segments[reference.segment_id] = ReferencedSegment(_members(reference.expression, bitmaps, own, segments), own)
    return _members(expression, bitmaps, universe_of(expression, bitmaps, universe, segments), segments)


def universe_of(
    expression: Expression,
    bitmaps: Mapping[Predicate, BitMap],
    universe: BitMap,
    referenced: Mapping[int, ReferencedSegment],
) -> BitMap:
    """Return the profiles with events, and those in the static lists that the expression leads to, events or not.

    Raises KeyError when `referenced` lacks a segment that the expression refers to.
    """
    own = universe
    for leaf in leaves_of(expression):
        if isinstance(leaf, StaticListPredicate):
            own = _union(own, bitmaps[leaf])
        elif isinstance(leaf, Reference):
            own = _union(own, referenced[leaf.segment_id].universe)
    return own


def _union(universe: BitMap, more: BitMap) -> BitMap:
    """Return one of the two where that is enough, so that the segments of a long chain share one bitmap."""
    if more.issubset(universe):
        return universe
    return more if universe.issubset(more) else universe | more


def _members(
    expression: Expression,
    bitmaps: Mapping[Predicate, BitMap],
    universe: BitMap,
    referenced: Mapping[int, ReferencedSegment],
) -> BitMap:
    match expression:
        case Reference(segment_id):
            return referenced[segment_id].members
        case AllOf(parts):
            result = universe.copy()
            for part in parts:
                result &= _members(part, bitmaps, universe, referenced)
            return result
        case AnyOf(parts):
            result = BitMap()
            for part in parts:
                result |= _members(part, bitmaps, universe, referenced)
            return result
        case Not(part):
            return universe - _members(part, bitmaps, universe, referenced)
        case predicate:
            return bitmaps[predicate] & universe


def _not_evaluated(expression: Expression, referenced: Mapping[int, ReferencedSegment]) -> list[Reference]:
    """Return the references that an expression leads to and that are not evaluated, each after those it depends on."""
    ordered: list[Reference] = []
    evaluated = set(referenced)
    pending = _references_in(expression)
    while pending:
        reference = pending[-1]
        if reference.segment_id in evaluated:
            pending.pop()
            continue
        needed = [inner for inner in _references_in(reference.expression) if inner.segment_id not in evaluated]
        pending += needed
        if not needed:
            evaluated.add(reference.segment_id)
            ordered.append(reference)
    return ordered


def _references_in(expression: Expression) -> list[Reference]:
    """Return the references of the expression itself, each once; they are not followed."""
    return list({leaf.segment_id: leaf for leaf in leaves_of(expression) if isinstance(leaf, Reference)}.values())
