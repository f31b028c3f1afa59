"""One version for every package, read from the root's pyproject.toml."""

from __future__ import annotations

import json
import tomllib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from segops_common import __version__

ROOT = Path(__file__).resolve().parents[3]
MEMBERS = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("libs/*", "services/*", "deploy/local", "sdks/python", "sdks/cli")
    for path in ROOT.glob(f"{pattern}/pyproject.toml")
)


def project(path: str) -> dict[str, Any]:
    """The `project` table of a pyproject.toml."""
    table: dict[str, Any] = tomllib.loads((ROOT / path).read_text())["project"]
    return table


@pytest.mark.parametrize("member", MEMBERS)
def test_a_member_takes_its_version_from_the_root(member: str) -> None:
    table = project(member)
    assert "version" not in table
    assert table["dynamic"] == ["version"]
    assert version(table["name"]) == project("pyproject.toml")["version"]


def test_the_apis_show_the_same_version() -> None:
    assert __version__ == project("pyproject.toml")["version"]


@pytest.mark.parametrize("file", ["package.json", "package-lock.json"])
def test_the_typescript_sdk_has_the_same_version(file: str) -> None:
    """npm reads no other file, so the number is repeated there."""
    assert json.loads((ROOT / "sdks/typescript" / file).read_text())["version"] == __version__
