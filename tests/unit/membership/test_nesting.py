"""Segments that refer to segments: a referenced segment is evaluated once, and broken references are refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from pyroaring import BitMap

from segops_language import Group
from segops_language.events import Event
from segops_language.reference.evaluate import evaluate
from segops_membership.compiler.definitions import compile_definition, compile_definitions
from segops_membership.domain.predicates import Predicate, StaticListPredicate, predicates_of
from segops_membership.domain.segment_graph import BrokenReference
from segops_membership.domain.set_algebra import ReferencedSegment, members
from segops_membership.questions.sample import SamplePredicate

NOW_MS = 1_772_366_400_000
UNIVERSE = BitMap(range(8))
SAMPLE = {"type": "sample", "percent": 50}


def group(*conditions: dict[str, Any] | int, logic: str = "AND") -> Group:
    """A definition; a number is a condition on that segment."""
    nodes = [
        {"type": "segment", "segment_id": condition} if isinstance(condition, int) else condition
        for condition in conditions
    ]
    return Group.model_validate({"logic": logic, "conditions": nodes})


def trait(name: str) -> dict[str, Any]:
    return {"type": "user_property", "property": name, "operator": "exists"}


def members_of(definition: Group, references: Mapping[int, Group], bitmaps: Mapping[Predicate, BitMap]) -> set[int]:
    expression = compile_definition(definition, NOW_MS, segment_id=1, references=references)
    assert predicates_of(expression) == set(bitmaps)
    return set(members(expression, bitmaps, UNIVERSE))


def bitmaps_for(*traits: str) -> dict[Predicate, BitMap]:
    """Return bitmaps: the first trait has the odd numbers, the second the numbers with the next bit, and so on."""
    (expression,) = [compile_definition(group(*map(trait, traits)), NOW_MS, segment_id=1)]
    by_name = {predicate.keys[0]: predicate for predicate in predicates_of(expression) if hasattr(predicate, "keys")}
    return {by_name[name]: BitMap(n for n in UNIVERSE if n >> bit & 1) for bit, name in enumerate(traits)}


def test_a_reference_is_the_members_of_the_segment() -> None:
    references = {2: group(trait("a"), 3), 3: group(trait("a"), trait("b"), logic="OR")}
    outside = {"type": "segment", "segment_id": 2, "negate": True}

    assert members_of(group(2), references, bitmaps_for("a", "b")) == {1, 3, 5, 7}
    assert members_of(group(outside, 3), references, bitmaps_for("a", "b")) == {2, 6}


def test_a_sample_is_seeded_by_the_segment_that_it_stands_in() -> None:
    expression = compile_definition(group(SAMPLE, 2), NOW_MS, segment_id=1, references={2: group(SAMPLE)})

    assert predicates_of(expression) == {SamplePredicate("1", 500_000), SamplePredicate("2", 500_000)}
    events = [Event(f"u{i}", "login", f"m{i}", NOW_MS, {}) for i in range(200)]
    both, one, two = (
        evaluate(definition, events, NOW_MS, segment_id=segment_id, references={2: group(SAMPLE)})
        for definition, segment_id in ((group(SAMPLE, 2), 1), (group(SAMPLE), 1), (group(SAMPLE), 2))
    )
    assert set() < both == one & two < one


def test_a_diamond_is_evaluated_by_its_parts() -> None:
    references = {2: group(4, trait("b")), 3: group(4, trait("c")), 4: group(trait("a"))}

    assert members_of(group(2, 3, logic="OR"), references, bitmaps_for("a", "b", "c")) == {3, 5, 7}


def test_sixty_levels_that_each_double_are_evaluated_at_once() -> None:
    """Code that follows every reference, not every segment once, would take 2 ** 60 steps."""
    references = {level: group(level + 1, group_of(level + 1)) for level in range(2, 62)} | {62: group(trait("a"))}

    assert members_of(group(2, group_of(2)), references, bitmaps_for("a")) == {1, 3, 5, 7}
    expression = compile_definition(group(2), NOW_MS, segment_id=1, references=references)
    assert len({expression, compile_definition(group(2), NOW_MS, segment_id=1, references=references)}) == 1
    assert len(repr(expression)) < 1000


def group_of(segment_id: int) -> dict[str, Any]:
    """The same reference once more, complemented twice."""
    return {
        "logic": "AND",
        "conditions": [{"type": "segment", "segment_id": segment_id, "negate": True}],
        "negate": True,
    }


def test_a_chain_longer_than_any_stack_is_evaluated() -> None:
    references = {level: group(level + 1) for level in range(2, 5000)} | {5000: group(trait("a"))}

    assert members_of(group(2), references, bitmaps_for("a")) == {1, 3, 5, 7}


def test_a_long_chain_is_looked_at_link_by_link() -> None:
    """Were each link asked for all that it leads to, the expressions would be walked four million times."""
    length = 2000
    references = {level: group(level + 1) for level in range(2, length)} | {
        length: group(7_000),
        7_000: group(logic="OR"),
    }
    lists = {7_000: StaticListPredicate(7_000, 1, 1)}
    compiled = compile_definition(group(2), NOW_MS, segment_id=1, references=references, lists=lists)
    referenced: dict[int, ReferencedSegment] = {}

    assert members(compiled, {lists[7_000]: BitMap((1, 99))}, UNIVERSE, referenced) == BitMap((1, 99))
    assert len(referenced) == length
    assert len({id(segment.universe) for segment in referenced.values()}) == 1


def test_segments_of_one_job_use_the_definitions_of_the_job() -> None:
    definitions = {1: group(2), 2: group(trait("a"))}

    expressions = compile_definitions(definitions, NOW_MS, references={2: group(trait("old")), 9: group(99)})

    referenced: dict[int, ReferencedSegment] = {}
    odd = [members(expressions[segment_id], bitmaps_for("a"), UNIVERSE, referenced) for segment_id in (1, 2)]
    assert odd == [BitMap((1, 3, 5, 7))] * 2
    assert referenced == {2: ReferencedSegment(odd[0], UNIVERSE)}


@pytest.mark.parametrize("length", [1, 2, 5])
def test_a_circle_is_refused(length: int) -> None:
    circle = {level: group(level % length + 1) for level in range(1, length + 1)}

    with pytest.raises(BrokenReference, match="circle"):
        compile_definition(circle[1], NOW_MS, segment_id=1, references=circle)
    with pytest.raises(BrokenReference, match="circle"):
        compile_definition(group(1), NOW_MS, segment_id=99, references=circle)


def test_a_missing_definition_is_refused() -> None:
    with pytest.raises(BrokenReference, match="segment 3"):
        compile_definition(group(2), NOW_MS, segment_id=1, references={2: group(3)})
