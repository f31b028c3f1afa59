"""Writing what was read gives the same document, for any definition; the canonical form; the walk over nodes."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from segops_language import (
    EXAMPLE,
    Group,
    InvalidDefinition,
    canonical,
    content_hash,
    parse_definition,
    to_json,
    walk,
)
from segops_language.registry import KINDS

Json = dict[str, object]

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
names = texts.filter(bool)
paths = st.lists(names.map(lambda key: key.replace(".", "\\.")), min_size=1, max_size=3).map(".".join)
numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.booleans() | numbers | texts
durations = st.builds(lambda amount, unit: f"{amount}{unit}", st.integers(1, 500), st.sampled_from("smhdw"))
instants = st.datetimes().map(lambda moment: moment.strftime("%Y-%m-%dT%H:%M:%S.").rjust(20, "0") + "250Z")
bounds = st.lists(numbers, min_size=2, max_size=2).map(sorted)


def property_tests() -> st.SearchStrategy[Json]:
    def family(operators: list[str], **value: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
        return st.fixed_dictionaries({"property": paths, "operator": st.sampled_from(operators), **value})

    return st.one_of(
        family(["eq", "neq", "contains", "not_contains"], value=scalars),
        family(["in", "not_in"], value=st.lists(scalars, min_size=1, max_size=3)),
        family(["gt", "gte", "lt", "lte"], value=numbers),
        family(["between"], value=bounds),
        family(["starts_with", "ends_with"], value=texts),
        family(["matches", "not_matches"], value=st.sampled_from(["", "^a+$", "[^b]*"])),
        family(["exists", "not_exists"]),
        family(["before", "after"], value=instants),
        family(["within_last", "not_within_last"], value=durations),
    )


filters = st.lists(property_tests(), min_size=1, max_size=2)
windows = st.one_of(
    st.fixed_dictionaries({"last": durations}),
    st.fixed_dictionaries({"from": durations.map("-{}".format)}),
    st.fixed_dictionaries({"from": durations.map("-{}".format), "to": instants}),
)
thresholds = st.one_of(
    st.fixed_dictionaries({"operator": st.sampled_from(["eq", "neq", "gt", "lte"]), "value": numbers}),
    st.fixed_dictionaries({"operator": st.just("between"), "value": bounds}),
)


def condition(
    kind: str, required: dict[str, st.SearchStrategy[Any]], **optional: st.SearchStrategy[Any]
) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries({"type": st.just(kind), **required}, optional={**optional, "negate": st.just(True)})


examples: st.SearchStrategy[Json] = st.sampled_from(
    [dict(example) for kind in KINDS.values() for example in kind.examples]
)
"""Of every type, so that a new one is tested before it has a strategy of its own."""


def conditions() -> st.SearchStrategy[Json]:
    event: dict[str, st.SearchStrategy[Any]] = {"event_type": names}
    count = st.builds(
        lambda fields, threshold: {**fields, **threshold},
        condition("event_count", event, window=windows, where=filters, per=paths),
        thresholds,
    )
    trait = st.builds(
        lambda fields, test: {**fields, **test},
        condition(
            "user_property", {}, held_for=st.fixed_dictionaries({"operator": st.just("lt"), "duration": durations})
        ),
        property_tests(),
    )
    sequence = condition(
        "event_sequence",
        {
            "steps": st.lists(st.fixed_dictionaries(event, optional={"where": filters}), min_size=2, max_size=3),
            "within": durations,
        },
        window=windows,
    )
    match = condition(
        "event_match", {**event, "occurrence": st.just("last"), "has": filters | st.just([])}, where=filters
    )
    regularity = condition(
        "event_regularity",
        {**event, "period": durations, "of": st.integers(1, 60), "at_least": st.integers(0, 60)},
        count=st.integers(2, 9),
    )
    sample = condition("sample", {"percent": st.floats(0, 100)}, seed=texts)
    return st.one_of(count, trait, sequence, match, regularity, sample, examples)


def groups(nodes: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries(
        {"logic": st.sampled_from(["AND", "OR"]), "conditions": st.lists(nodes, max_size=3)},
        optional={"negate": st.just(True)},
    )


definitions = groups(st.recursive(conditions(), groups, max_leaves=5))


@settings(max_examples=150)
@given(definitions)
def test_reading_what_was_written_gives_the_same_definition(document: Json) -> None:
    definition = parse_definition(document)
    written = json.dumps(to_json(definition))
    assert json.loads(written) == document
    assert Group.model_validate_json(written) == definition
    assert content_hash(parse_definition(json.loads(written))) == content_hash(definition)
    SCHEMA.validate(document)


SCHEMA = Draft202012Validator(Group.model_json_schema())


@settings(max_examples=150)
@given(
    st.recursive(
        st.none() | scalars | st.sampled_from(["AND", "event_count", "eq"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["logic", "conditions", "type", "operator", "value", "where", "window", "last", "x"]),
                inner,
                max_size=5,
            )
        ),
        max_leaves=12,
    )
)
def test_anything_is_read_or_refused_with_faults(document: object) -> None:
    refusal = refusal_of(document)
    if refusal is not None:
        assert refusal.faults
        assert all(fault.path.startswith("definition") and fault.code for fault in refusal.faults)


def refusal_of(document: object) -> InvalidDefinition | None:
    try:
        parse_definition(document)
    except InvalidDefinition as refusal:
        return refusal
    return None


def trait(value: object) -> Group:
    return parse_definition(
        {
            "logic": "AND",
            "conditions": [{"type": "user_property", "property": "a", "operator": "eq", "value": value}],
        }
    )


def test_the_hash_tells_types_apart_and_sees_equal_numbers_as_one() -> None:
    assert content_hash(trait(5)) == content_hash(trait(5.0))
    assert len({content_hash(trait(value)) for value in (1, True, "1", 1.5)}) == 4


def test_the_canonical_form_is_sorted_whatever_the_order_of_the_fields() -> None:
    backwards = json.loads(json.dumps(EXAMPLE), object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    assert json.dumps(canonical(parse_definition(backwards))) == json.dumps(canonical(parse_definition(EXAMPLE)))
    assert list(canonical(parse_definition(EXAMPLE))) == ["conditions", "logic"]


def test_the_walk_names_every_node() -> None:
    document = {"logic": "OR", "conditions": [EXAMPLE, {"type": "sample", "percent": 1}]}
    assert [path for path, _ in walk(parse_definition(document))] == [
        "definition",
        "definition.conditions[0]",
        "definition.conditions[0].conditions[0]",
        "definition.conditions[0].conditions[1]",
        "definition.conditions[0].conditions[2]",
        "definition.conditions[1]",
    ]


def test_bodies_and_answers_share_one_schema() -> None:
    assert Group.model_json_schema() == Group.model_json_schema(mode="serialization")
