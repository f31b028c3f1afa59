"""Expressions over answered atoms, as set algebra on bitmaps of profile numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from pyroaring import BitMap

from segops_membership.domain.plan import (
    AggregateAtom,
    AllOf,
    AnyOf,
    Atom,
    CountAtom,
    DistinctAtom,
    Expression,
    MatchAtom,
    Not,
    PerValueAtom,
    RegularityAtom,
    SampleAtom,
    TraitAtom,
)


def members(expression: Expression, answers: Mapping[Atom, BitMap], universe: BitMap) -> BitMap:
    """Who satisfies the expression; nobody outside of the universe does, whatever an answer says."""
    match expression:
        case PerValueAtom() | DistinctAtom() | AggregateAtom():
            return answers[expression] & universe
        case CountAtom() | MatchAtom() | RegularityAtom() | TraitAtom() | SampleAtom():
            return answers[expression] & universe
        case AllOf(parts):
            found = universe.copy()
            for part in parts:
                found &= members(part, answers, universe)
            return found
        case AnyOf(parts):
            found = BitMap()
            for part in parts:
                found |= members(part, answers, universe)
            return found
        case Not(part):
            return universe - members(part, answers, universe)
        case _:
            assert_never(expression)
