"""A condition type that lacks something is refused by name: by mypy for a field, at import for its QUESTION."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from segops_membership.questions import match
from segops_membership.questions.question import PredicateKind, Question
from segops_membership.questions.registry import questions_by_type

ROOT = Path(__file__).parents[3]
WHOLE = Path(match.__file__).read_text(encoding="utf-8")
FIELDS = [(record.__name__, field.name) for record in (Question, PredicateKind) for field in fields(record)]


def _without(record: str, name: str) -> str:
    """Return the module without one field of one of its records."""
    pattern = rf"(\b{record}\((?:(?!\b{record}\().)*?)\n +{name}=(?:\(.*?\n    \)|[^\n]*),(?=\n)"
    half, count = re.subn(pattern, r"\1", WHOLE, count=1, flags=re.DOTALL)
    assert count == 1, name
    return half


@pytest.fixture(scope="module")
def complaints(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return what mypy says of one module for each field, which is whole but for that field."""
    folder = tmp_path_factory.mktemp("planted")
    for record, name in FIELDS:
        (folder / f"without_{record}_{name}.py").write_text(_without(record, name), encoding="utf-8")
    (folder / "whole.py").write_text(WHOLE, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--cache-dir=cache", "."]
    packages = ("libs/segops_language", "libs/segops_common", "services/membership")
    environment = os.environ | {"MYPYPATH": ":".join(str(ROOT / package) for package in packages)}
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return result.stdout


@pytest.mark.parametrize(("record", "name"), FIELDS)
def test_a_record_without_a_field_is_a_type_error(complaints: str, record: str, name: str) -> None:
    of_module = [line for line in complaints.splitlines() if line.startswith(f"without_{record}_{name}.py:")]

    assert any(f'Missing named argument "{name}" for "{record}"' in line for line in of_module)


def test_a_whole_question_is_no_type_error(complaints: str) -> None:
    assert not [line for line in complaints.splitlines() if line.startswith("whole.py")]


def test_a_condition_type_without_a_question_fails_by_name() -> None:
    with pytest.raises(LookupError, match=r"have no QUESTION in .*: event_planted, event_time"):
        questions_by_type([match], {"event_match", "event_time", "event_planted"})
