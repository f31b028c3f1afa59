"""Expressions over answered atoms, as set algebra on bitmaps of profile numbers."""

from __future__ import annotations

from collections.abc import Mapping

from pyroaring import BitMap

from segops_membership.domain.plan import (
    AllOf,
    AnyOf,
    Atom,
    Expression,
    Not,
    Reference,
    StaticAtom,
    atoms_of,
)


def members(
    expression: Expression,
    answers: Mapping[Atom, BitMap],
    universe: BitMap,
    known: dict[int, BitMap] | None = None,
) -> BitMap:
    """Who satisfies the expression; nobody outside of its universe does, whatever an answer says.

    `universe` are the profiles with events; that of an expression is `universe_of` it, of a segment that it refers to
    that segment's own.
    `known` are the members of segments that were referred to before, under the same answers; those met here are added.
    """
    found = {} if known is None else known
    for reference in _unknown(expression, found):
        found[reference.segment_id] = _members(
            reference.expression, answers, universe_of(reference.expression, answers, universe), found
        )
    return _members(expression, answers, universe_of(expression, answers, universe), found)


def universe_of(expression: Expression, answers: Mapping[Atom, BitMap], universe: BitMap) -> BitMap:
    """The profiles with events, and those in the static lists that the expression leads to, events or not."""
    lists = [answers[atom] for atom in atoms_of(expression) if isinstance(atom, StaticAtom)]
    return BitMap.union(universe, *lists) if lists else universe


def _members(
    expression: Expression, answers: Mapping[Atom, BitMap], universe: BitMap, known: Mapping[int, BitMap]
) -> BitMap:
    match expression:
        case Reference(segment_id):
            return known[segment_id]
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


def _unknown(expression: Expression, known: Mapping[int, BitMap]) -> list[Reference]:
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
    found: dict[int, Reference] = {}
    waiting = [expression]
    while waiting:
        match waiting.pop():
            case AllOf(parts) | AnyOf(parts):
                waiting.extend(parts)
            case Not(part):
                waiting.append(part)
            case Reference() as reference:
                found[reference.segment_id] = reference
            case _:
                pass
    return list(found.values())
