"""A type of condition that lacks something is refused by name: by mypy for a field, at import for its `KIND`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import pytest

from segops_language.conditions import segment
from segops_language.conditions.base import Kind
from segops_language.registry import kinds_in

ROOT = Path(__file__).parents[3]
WHOLE = Path(segment.__file__).read_text(encoding="utf-8")
FIELDS = [field.name for field in fields(Kind)]


@pytest.fixture(scope="module")
def complaints(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return what mypy says of one module for each field, which is whole but for that field."""
    folder = tmp_path_factory.mktemp("planted")
    for name in FIELDS:
        half, count = re.subn(rf"^    {name}=.*,\n", "", WHOLE, flags=re.MULTILINE)
        assert count == 1, name
        (folder / f"without_{name}.py").write_text(half, encoding="utf-8")
    (folder / "whole.py").write_text(WHOLE, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--cache-dir=cache", "."]
    environment = os.environ | {"MYPYPATH": str(ROOT / "libs/segops_language")}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    ).stdout  # fmt: skip


@pytest.mark.parametrize("name", FIELDS)
def test_a_kind_without_a_field_is_a_type_error(complaints: str, name: str) -> None:
    line = next(line for line in complaints.splitlines() if line.startswith(f"without_{name}.py:"))
    assert f'Missing named argument "{name}" for "Kind"' in line


def test_a_whole_kind_is_no_type_error(complaints: str) -> None:
    assert not [line for line in complaints.splitlines() if line.startswith("whole.py")]


@pytest.mark.parametrize(
    ("source", "reason"),
    [("", "planted.new_type must define KIND"), (WHOLE, "planted.new_type must not define 'segment'")],
)
def test_a_module_without_a_kind_of_its_own_fails_at_import(tmp_path: Path, source: str, reason: str) -> None:
    (tmp_path / "new_type.py").write_text(source, encoding="utf-8")
    (tmp_path / "a_segment.py").write_text(WHOLE, encoding="utf-8")
    package = ModuleType("planted")
    package.__path__ = [str(tmp_path)]
    sys.modules["planted"] = package
    try:
        with pytest.raises(TypeError, match=re.escape(reason)):
            kinds_in(package)
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "planted"]:
            del sys.modules[name]
