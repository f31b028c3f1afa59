"""Which definitions may refer to which segments."""

from __future__ import annotations

import pytest

from segops_language import Group, parse_definition
from segops_segments.domain.references import (
    MAX_DEPTH,
    MAX_REFERENCES,
    MAX_TOTAL_BYTES,
    Graph,
    Node,
    node_of,
    reference_faults,
)

PATH = "definition.conditions[0].segment_id"


def to(*segment_ids: int) -> Group:
    conditions = [{"type": "segment", "segment_id": segment_id} for segment_id in segment_ids]
    return parse_definition({"logic": "AND", "conditions": conditions})


def node(*refers_to: int, size: int = 100) -> Node:
    return Node(frozenset(refers_to), size)


def codes(definition: Group, graph: Graph, segment_id: int | None = None) -> list[tuple[str, str]]:
    return [(fault.path, fault.code) for fault in reference_faults(definition, graph, segment_id)]


def chain(first: int, length: int, *, size: int = 100) -> dict[int, Node]:
    """`first` refers to the next, and so on; `length` references."""
    links = {number: node(number + 1, size=size) for number in range(first, first + length)}
    return links | {first + length: node(size=size)}


def test_every_unknown_segment_is_named() -> None:
    definition = parse_definition(
        {
            "logic": "OR",
            "conditions": [
                {"type": "segment", "segment_id": 1},
                {"logic": "AND", "conditions": [{"type": "segment", "segment_id": 2, "negate": True}]},
                {"type": "segment", "segment_id": 3},
            ],
        }
    )
    assert codes(definition, {1: node()}) == [
        ("definition.conditions[1].conditions[0].segment_id", "segment-not-found"),
        ("definition.conditions[2].segment_id", "segment-not-found"),
    ]
    details = {fault.detail for fault in reference_faults(definition, {1: node()}, None)}
    assert len(details) == 1, "details must not say which segments other tenants have"


@pytest.mark.parametrize(("length", "ids"), [(1, "1, 1"), (2, "1, 2, 1"), (5, "1, 2, 3, 4, 5, 1")])
def test_a_cycle_is_named_by_its_ids(length: int, ids: str) -> None:
    graph = chain(1, length - 1) | {9: node()}
    [fault] = reference_faults(to(9, 2 if length > 1 else 1), graph | {length: node(*([1] * (length > 1)))}, 1)
    assert (fault.path, fault.code) == ("definition.conditions[1].segment_id", "segment-cycle")
    assert f": {ids}." in fault.detail


def test_a_diamond_is_not_a_cycle() -> None:
    graph = {1: node(), 2: node(4), 3: node(4), 4: node(5), 5: node()}
    assert codes(to(2, 3, 4), graph, 1) == []


def test_a_definition_leads_to_at_most_a_hundred_others() -> None:
    most = {number: node() for number in range(2, MAX_REFERENCES + 2)}
    assert codes(to(*most), most, 1) == []
    assert codes(to(900), most | {900: node(*most)}, 1) == [("definition", "definition-too-complex")]
    # A segment that is reached on several paths counts once.
    shared = {number: node(50) for number in range(2, 50)} | {50: node()}
    assert codes(to(*shared), shared, 1) == []


def test_a_definition_leads_at_most_sixteen_deep() -> None:
    assert codes(to(2), chain(2, MAX_DEPTH - 1), 1) == []
    assert codes(to(2), chain(2, MAX_DEPTH), 1) == [(PATH, "definition-too-complex")]


def test_all_definitions_of_a_job_fit_into_its_message() -> None:
    own = node_of(to(2)).definition_bytes
    exact = {2: node(3, size=1), 3: node(size=MAX_TOTAL_BYTES - own - 1)}
    assert codes(to(2), exact, 1) == []
    assert codes(to(2), exact | {2: node(3, size=2)}, 1) == [("definition", "definition-too-complex")]


@pytest.mark.parametrize(
    ("definition", "graph"),
    [
        (to(3), {1: node(), 888: node(1)} | chain(3, MAX_DEPTH - 1)),
        (to(*range(100, 200)), {1: node(), 888: node(1)} | {number: node() for number in range(100, 200)}),
        (to(), {1: node(), 888: node(1, size=MAX_TOTAL_BYTES - 1)}),
    ],
)
def test_a_definition_must_not_push_its_referrers_over_a_limit(definition: Group, graph: Graph) -> None:
    [fault] = reference_faults(definition, graph, 1)
    assert (fault.path, fault.code) == ("definition", "definition-too-complex")
    assert "Segment 888, which refers to this one," in fault.detail
    without = {number: other for number, other in graph.items() if number != 888}
    assert codes(definition, without, 1) == []


def test_ten_thousand_referrers_are_checked() -> None:
    hub = {1: node()} | {number: node() for number in range(2, 60)}
    graph = hub | {number: node(1, *range(2, 30)) for number in range(1000, 11_000)}
    assert codes(to(*range(2, 60)), graph, 1) == []
