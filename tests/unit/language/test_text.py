"""The text form: reading what was written gives the same definition, and a syntax error names its place."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segops_language import InvalidDefinition, content_hash, parse_definition
from segops_language.text.parser import parse_text
from segops_language.text.render import render_text
from tests.unit.language.test_round_trip import (
    Json,
    condition,
    conditions,
    durations,
    filters,
    groups,
    instants,
    names,
    paths,
    thresholds,
)

EXAMPLE = """all of {
  count "page_viewed" gte 1 where "path" eq "/pricing" and "utm" exists
  not trait "plan" in ["free", 5, true] held gte 3d
  sum "price" of "purchase" between [10, 99.5] from -60d to "2026-01-31T09:00:00.000Z"
  any of {
    last "login" within_last 7d
    last "login" before "2026-01-31T09:00:00.000Z"
    first "search *" has "q" contains "shoe" where "page" eq 1
    last "search" exists where "page" eq 1
    sequence "search" then "purchase" where "price" gt 5 within 1d last 30d
    sequence strict "search" then "view" then "purchase" within 2h
    regular "login" in 3 of 7 periods 1d
    count "bu\\\"y" per "sku" eq 0
  }
  segment 42
  sample 12.5 percent seed "a"
}
"""


def more_conditions() -> st.SearchStrategy[Json]:
    """Return strategies of the types that `conditions` does not have."""
    aggregate = st.builds(
        lambda fields, threshold: {**fields, **threshold},
        condition(
            "event_aggregate",
            {
                "event_type": names,
                "property": paths,
                "function": st.sampled_from(["sum", "avg", "min", "max", "distinct"]),
            },
            where=filters,
            window=st.fixed_dictionaries({"to": instants}),
        ),
        thresholds,
    )
    at = st.fixed_dictionaries({"operator": st.sampled_from(["before", "after"]), "value": instants})
    recent = st.fixed_dictionaries({"operator": st.just("within_last"), "value": durations})
    time = st.builds(
        lambda fields, test: {**fields, **test},
        condition("event_time", {"event_type": names, "occurrence": st.sampled_from(["first", "last"])}, where=filters),
        at | recent,
    )
    return aggregate | time | condition("segment", {"segment_id": st.integers(1, 2**62)})


@settings(max_examples=300)
@given(groups(st.recursive(conditions() | more_conditions(), groups, max_leaves=6)))
def test_what_is_written_is_read_back_the_same(document: Json) -> None:
    definition = parse_definition(document)
    text = render_text(definition)

    reparsed = parse_text(text)

    assert reparsed == definition
    assert content_hash(reparsed) == content_hash(definition)
    assert render_text(reparsed) == text
    assert parse_text(text.replace("\n", " ")) == definition


def test_the_documented_text_is_the_documented_definition() -> None:
    document = (Path(__file__).parents[3] / "docs" / "segment-language.md").read_text(encoding="utf-8")
    text = document.split("## Text form", 1)[1].split("```text\n", 1)[1].split("```", 1)[0]
    definition = document.split("## Examples", 1)[1].split("```json\n", 1)[1].split("```", 1)[0]
    assert parse_text(text) == parse_definition(json.loads(definition))
    assert render_text(parse_text(text)) == text


def test_a_text_is_written_as_it_should_be_read() -> None:
    assert render_text(parse_text(EXAMPLE)) == EXAMPLE


@pytest.mark.parametrize("text", ["all of {}", "not any of{}", "all of { all of { } }"])
def test_small_texts(text: str) -> None:
    assert parse_text(text).negate == text.startswith("not")


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("", "line 1, column 1", "all of"),
        ("all of {", "line 1, column 9", "a condition"),
        ("all of {}\n}", "line 2, column 1", "the end"),
        ('all of {\n  cuont "x" gte 1\n}', "line 2, column 3", "a condition"),
        ("all of {\n  count x gte 1\n}", "line 2, column 9", "in quotes"),
        ('all of { count "x" gte }', "line 1, column 24", "a value"),
        ('all of { count "x" gte null }', "line 1, column 24", "a value"),
        ('all of { count "x" gte NaN }', "line 1, column 24", "a value"),
        ('all of { strict sequence "x" then "y" within 1d }', "line 1, column 10", "a condition"),
        ('all of { sequence "x" then "y" within soon }', "line 1, column 39", "a duration"),
        ('all of { trait "x }', "line 1, column 16", "on the line on which it begins"),
        ('all of { trait "\\x" exists }', "line 1, column 16", "escape"),
        ("all of {" * 50 + "}" * 50, "line 1", "16 levels"),
        ("x" * (256 * 1024 + 1), "line 1, column 1", "256 KiB"),
        ('all of { trait "a" in [' + "1," * 1001 + "1] }", "line 1", "1000 values"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(text: str, place: str, said: str) -> None:
    with pytest.raises(InvalidDefinition) as refused:
        parse_text(text)

    (fault,) = refused.value.faults
    assert (fault.path, fault.code) == ("text", "text-syntax")
    assert fault.detail.startswith(place)
    assert said in fault.detail


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('all of { count "x" greater 1 }', "definition.conditions[0].operator"),
        ("any of { segment 0 }", "definition.conditions[0].segment_id"),
        ('any of { trait "a" matches "(" }', "definition.conditions[0].value"),
        ("all of {" * 12 + "}" * 12, "definition"),
    ],
)
def test_what_reads_well_and_means_nothing_has_the_faults_of_a_definition(text: str, path: str) -> None:
    with pytest.raises(InvalidDefinition) as refused:
        parse_text(text)

    assert all(fault.path.startswith(path) for fault in refused.value.faults)


@given(st.text(max_size=60) | st.lists(st.sampled_from([*EXAMPLE.split(), "{", "}"]), max_size=30).map(" ".join))
@settings(max_examples=500)
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(InvalidDefinition):
        definition = parse_text(text)
        assert parse_text(render_text(definition)) == definition
