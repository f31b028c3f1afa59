"""Files of segments: what is written reads back the same, and references keep strings apart from names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from segops_cli.code.files import Declared, file_names, parsed, read_folder, written
from segops_cli.code.order import in_order
from segops_cli.code.references import UnknownSegment, names_in, with_ids, with_names
from segops_cli.errors import CliError, ExitCode

TEXT = 'all of {\n  count "segment 7" gte 1 where "a" eq "segment \\"x\\""\n  segment "A \\"b\\" ü"\n}'
names = st.text(min_size=1).filter(str.strip)
tags = st.lists(names.filter(lambda tag: tag == tag.strip()), max_size=3, unique=True)


@example("A", "", ["[", "b"], "manual", "rule")
@given(names, st.text(), tags, st.sampled_from(["manual", "hourly"]), st.sampled_from(["rule", "ai"]))
def test_what_is_written_reads_back(name: str, description: str, labels: list[str], refresh: str, kind: str) -> None:
    declared = Declared(
        name=name, text=TEXT, description=description, tags=tuple(labels), refresh=refresh, segment_type=kind
    )
    assert parsed(written(declared)) == declared


@example("0", 7)
@given(names, st.integers(min_value=1))
def test_names_become_ids_and_back(name: str, segment_id: int) -> None:
    text = f'any of {{\n  segment {json.dumps(name, ensure_ascii=False)}\n  count "segment 7" gte 1\n}}'
    assert names_in(text) == [name]
    with_id = with_ids(text, {name: segment_id})
    assert f"segment {segment_id}\n" in with_id
    assert with_names(with_id, {7: "other", segment_id: name}) == text


def test_strings_are_no_references() -> None:
    assert names_in(TEXT) == ['A "b" ü']
    assert 'count "segment 7" gte 1 where "a" eq "segment \\"x\\""' in with_ids(TEXT, {'A "b" ü': 3})
    with pytest.raises(UnknownSegment):
        with_ids(TEXT, {})


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("name: A\ncolor: red\n\nall of { }\n", "bad.segment:2: ", "must begin with one of name"),
        ("name: A\nrefresh: daily\n\nall of { }\n", "bad.segment:2: ", "must be one of manual, hourly, live"),
        ("# first\nname: A\ntags: [1]\n\nall of { }\n", "bad.segment:3: ", "a JSON list of strings"),
        ("tags: a\n\nall of { }\n", "bad.segment:1: ", "must have a line `name: …`"),
        ("name: A\n", "bad.segment:2: ", "the definition must follow"),
        ('name: A\n\nall of { segment "\\x" }', "bad.segment:2: ", "must be a JSON string"),
        ("name: Taken\n\nall of { }\n", "taken.segment: ", "same name"),
    ],
)
def test_a_bad_file(tmp_path: Path, text: str, place: str, reason: str) -> None:
    """The error names the file, and the line of the header."""
    (tmp_path / "taken.segment").write_text("name: Taken\n\nall of { }\n")
    (tmp_path / "bad.segment").write_text(text)
    with pytest.raises(CliError) as refused:
        read_folder(tmp_path)
    assert refused.value.code is ExitCode.USAGE
    assert place in refused.value.message
    assert reason in refused.value.message


def test_a_definition_knows_its_line() -> None:
    assert parsed("name: A\n\n\nall of { }").first_line == 4


def test_a_file_keeps_its_name_and_a_new_one_gets_its_own() -> None:
    named = {1: "Büro", 2: "buro", 3: "日本", 4: "Kept"}
    assert dict(file_names(named, {"Kept": Path("buro.segment")})) == {
        1: "buro-1.segment",
        2: "buro-2.segment",
        3: "segment.segment",
        4: "buro.segment",
    }


def test_references_come_first_and_circles_are_refused() -> None:
    assert in_order({"a": {"b", "elsewhere"}, "b": {"c"}, "c": set()}) == ["c", "b", "a"]
    with pytest.raises(CliError, match="in a circle"):
        in_order({"a": {"b"}, "b": {"a"}})
