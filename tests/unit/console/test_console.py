"""The console: its style, types and unit tests, and the segment builder on generated definitions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from segops_language import Group, parse_definition, to_json
from segops_language.registry import KINDS
from segops_language.text.render import render_text
from tests.console_tools import FOLDER, TOOLS, Console
from tests.unit.language.test_round_trip import Json, definitions

DEFINITIONS = 200
NO_TIMEOUT = "--testTimeout=0"


def test_style(console: Console) -> None:
    console.tool("biome", "check", "--error-on-warnings", "..")


def test_types(console: Console) -> None:
    console.tool(*console.runtime.npm, "run", "types")


def test_behaviour(console: Console, tmp_path: Path) -> None:
    """Run its own tests, which are next to what they test.

    The builder keeps trees, JSON, drafts, undo and places in the text form, for definitions of all types.
    """
    file = tmp_path / "definitions.json"
    file.write_text(json.dumps(_samples()))
    console.tool("vitest", "run", NO_TIMEOUT, env={"SEGOPS_DEFINITIONS": str(file)})


def _samples() -> list[Json]:
    """Generated definitions and one for each example of each type, with their text forms."""
    generated: list[Group] = []

    @settings(
        max_examples=DEFINITIONS,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(definitions)
    def collect(document: Json) -> None:
        generated.append(parse_definition(document))

    collect()
    examples = [
        parse_definition({"logic": logic, "conditions": [dict(example)], "negate": negate})
        for kind in KINDS.values()
        for example in kind.examples
        for logic in ("AND", "OR")
        for negate in (False, True)
    ]
    return [{"definition": to_json(group), "text": render_text(group)} for group in (*examples, *generated)]


@pytest.mark.parametrize("folder", [FOLDER, TOOLS], ids=["console", "tools"])
def test_the_lock_files_name_no_host(folder: Path) -> None:
    packages = json.loads((folder / "package-lock.json").read_text())["packages"]
    del packages[""]
    assert packages
    assert not any("resolved" in package for package in packages.values())
