"""The records of decisions."""

from __future__ import annotations

from collections import Counter

from tests.node import ROOT

DECISIONS = sorted((ROOT / "docs/decisions").glob("[0-9]*.md"))


def test_each_has_a_number_of_its_own() -> None:
    assert len(DECISIONS) > 60
    repeated = [number for number, count in Counter(path.name[:4] for path in DECISIONS).items() if count > 1]
    assert not repeated


def test_each_begins_with_its_number() -> None:
    for path in DECISIONS:
        assert path.read_text().startswith(f"# {int(path.name[:4])}. "), path.name
