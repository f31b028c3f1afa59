"""Static lists: which portions make a list, and whom it lets into a definition's universe."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

import pytest
from pyroaring import BitMap

from segops_common.contracts.jobs import StaticMembersChanged
from segops_language import Group, parse_definition
from segops_language.events import Event
from segops_language.reference.evaluate import evaluate
from segops_membership.compiler.definitions import compile_definition
from segops_membership.domain.predicates import Predicate, StaticListPredicate
from segops_membership.domain.set_algebra import members
from segops_membership.domain.static_list import StaticListState

NOBODY = Group(logic="OR", conditions=())


def portion(version: int, part: int = 1, parts: int = 1, **more: object) -> StaticMembersChanged:
    common = {"tenant_id": 1, "segment_id": 2, "list_version": version, "base_version": version - 1} | more
    return StaticMembersChanged.model_validate(common | {"part": part, "parts": parts})


def after(*portions: StaticMembersChanged) -> StaticListState:
    state = StaticListState()
    for item in portions:
        state = state.after(item)
    return state


CHANGES = [
    portion(1, replace=True),
    portion(2, 1, 2),
    portion(2, 2, 2),
    portion(4, 1, 3, replace=True),
    portion(4, 2, 3, replace=True),
    portion(4, 3, 3, replace=True),
    portion(5),
    portion(6, replace=True),
]


@pytest.mark.parametrize(
    ("count", "since", "version", "kept"),
    [(1, 1, 1, 0), (2, 1, 1, 0), (3, 1, 2, 0), (5, 1, 2, 0), (6, 4, 4, 1), (7, 4, 5, 1), (8, 6, 6, 4)],
)
def test_a_change_counts_with_its_last_part(count: int, since: int, version: int, kept: int) -> None:
    result = after(*CHANGES[:count])
    assert (result.since, result.version, result.kept, result.lost) == (since, version, kept, False)


def test_what_comes_again_changes_nothing() -> None:
    random = Random(1)
    for _ in range(200):
        delivered: list[StaticMembersChanged] = []
        for item in CHANGES:
            delivered += [item, *random.sample(delivered, min(len(delivered), 2))]
        assert after(*delivered) == after(*CHANGES)


@pytest.mark.parametrize("lost", [0, 1, 2, 6])
def test_without_a_portion_nothing_after_it_counts_until_a_replacement(lost: int) -> None:
    arrived = [item for i, item in enumerate(CHANGES) if i != lost]
    until = {0: 3, 1: 3, 2: 3, 6: 6}[lost]
    whole = after(*CHANGES[:lost])
    for end in range(lost, until):
        assert after(*arrived[:end]).version <= whole.version
    assert after(*arrived).version == 6
    assert not after(*arrived).lost


def test_a_portion_that_follows_nothing_loses_the_list() -> None:
    lost = after(CHANGES[0], portion(2, 2, 2))
    assert (lost.version, lost.coming, lost.lost) == (1, 2, True)
    assert lost.after(portion(3)).lost
    assert lost.after(portion(2, 1, 2)) == lost


def test_a_deleted_list_keeps_nothing() -> None:
    result = after(*CHANGES, portion(7, replace=True, deleted=True))
    assert (result.since, result.version, result.kept) == (7, 7, 7)


def refers(segment_id: int, *, negate: bool = False) -> dict[str, object]:
    return {"type": "segment", "segment_id": segment_id, "negate": negate}


def rule(*conditions: dict[str, object], logic: str = "AND", negate: bool = False) -> Group:
    return parse_definition({"logic": logic, "conditions": list(conditions), "negate": negate})


# Whoever is in a list is a letter of its own; `e` has events and is in none.
LISTS = {2: frozenset("ab"), 3: frozenset("bc")}
NUMBERS = {name: number for number, name in enumerate("abce")}
ATOMS: Mapping[Predicate, BitMap] = {
    StaticListPredicate(segment_id, 1, 1): BitMap(NUMBERS[name] for name in names)
    for segment_id, names in LISTS.items()
}


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        (rule(), "e"),
        (rule(refers(2)), "ab"),
        (rule(refers(2, negate=True)), "e"),
        (rule(refers(2), refers(3, negate=True)), "a"),
        (rule(refers(4)), "ab"),
        (rule(refers(5)), "e"),
        # Segment 5 does not refer to list 3: who is in nothing else is not in its universe, nor a member of it.
        (rule(refers(5), refers(3)), ""),
        (rule(refers(5, negate=True), refers(3)), "bc"),
        (rule(refers(6)), "e"),
        (rule(refers(6, negate=True)), "ab"),
    ],
)
def test_a_definition_has_the_universe_of_the_lists_it_leads_to(definition: Group, expected: str) -> None:
    references = {2: NOBODY, 3: NOBODY, 4: rule(refers(2)), 5: rule(refers(2, negate=True)), 6: rule(refers(5))}
    lists = {predicate.segment_id: predicate for predicate in ATOMS if isinstance(predicate, StaticListPredicate)}
    compiled = compile_definition(definition, 0, segment_id=1, references=references, lists=lists)
    result = members(compiled, ATOMS, BitMap([NUMBERS["e"]]))
    assert {name for name, number in NUMBERS.items() if number in result} == set(expected)
    events = [Event("e", "login", "m", 0, {})]
    assert evaluate(definition, events, 0, segment_id=1, references=references, lists=LISTS) == set(expected)
