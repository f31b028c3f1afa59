"""The linters of `make check` fire on planted violations, with the project's own configuration."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
BIN = Path(sys.executable).parent
TREES = ("libs", "services", "deploy/local")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project's sources and configuration, free to break."""
    for tree in TREES:
        shutil.copytree(ROOT / tree, tmp_path / tree, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
    for name in ("pyproject.toml", ".importlinter"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def run(copy: Path, *command: str, cwd: str = ".") -> subprocess.CompletedProcess[str]:
    sources = [str(member) for tree in TREES for member in (copy / tree, *(copy / tree).iterdir()) if member.is_dir()]
    return subprocess.run(
        [str(BIN / command[0]), *command[1:]],
        cwd=copy / cwd,
        env={"PYTHONPATH": ":".join(sources), "PATH": "/usr/bin:/bin", "HOME": str(copy)},
        capture_output=True,
        text=True,
        check=False,
    )


def plant(copy: Path, path: str, text: str) -> None:
    target = copy / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text((target.read_text() if target.exists() else "") + text)


IMPORTS = [
    ("Services never import one another", "services/auth/segops_auth/domain/planted.py", "import segops_ingest\n"),
    (
        "Inside a service an arrow is the only way to import",
        "services/auth/segops_auth/domain/planted.py",
        "import segops_auth.ports\n",
    ),
    (
        "Inside a service an arrow is the only way to import",
        "services/ingest/segops_ingest/api/planted.py",
        "import segops_ingest.adapters\n",
    ),
    (
        "Inside a service an arrow is the only way to import",
        "services/ingest/segops_ingest/helpers/__init__.py",
        "",
    ),
    (
        "The library's packages stand in one order",
        "libs/segops_common/segops_common/core/planted.py",
        "import segops_common.web\n",
    ),
    (
        "Domain, ports and service know no driver and no web framework",
        "services/membership/segops_membership/domain/planted.py",
        "import segops_common.stores.redis\n",
    ),
    (
        "Domain, ports and service know no driver and no web framework",
        "services/segments/segops_segments/domain/planted.py",
        "import sqlalchemy\n",
    ),
    (
        "The core uses the standard library only",
        "libs/segops_common/segops_common/core/planted.py",
        "import pydantic\n",
    ),
]


@pytest.mark.parametrize(("contract", "path", "text"), IMPORTS)
def test_import_linter_fires(copy: Path, contract: str, path: str, text: str) -> None:
    plant(copy, path, text)
    done = run(copy, "lint-imports", "--config", ".importlinter", "--no-cache")
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{contract} BROKEN" in done.stdout


COMPLEX = (
    "def planted(x: int) -> int:\n"
    + "".join(f"    if x == {n}:\n        return {n + 1}\n" for n in range(9))
    + "    return x\n"
)
LONG = "def planted() -> None:\n" + "".join(f"    x{n} = {n}\n    del x{n}\n" for n in range(16))
RUFF = [
    ("C901", COMPLEX),
    ("PLR0915", LONG),
    ("TID251", "from datetime import datetime\n\nNOW = datetime.now()\n"),
    ("TID251", "import os\n\nX = os.environ['X']\n"),
    ("TID251", "import asyncio\n\nF = asyncio.create_task\n"),
    ("TID251", "from unittest.mock import patch\n\nP = patch\n"),
    ("T201", "print('planted')\n"),
]


@pytest.mark.parametrize(("code", "text"), RUFF)
def test_ruff_fires(copy: Path, code: str, text: str) -> None:
    plant(copy, "services/auth/segops_auth/domain/planted.py", text)
    done = run(copy, "ruff", "check", "--no-cache", "services/auth/segops_auth/domain/planted.py")
    assert done.returncode == 1, done.stdout + done.stderr
    assert code in done.stdout


def test_deptry_fires_on_an_undeclared_dependency(copy: Path) -> None:
    plant(copy, "services/auth/segops_auth/domain/planted.py", "import pyroaring\n\nX = pyroaring\n")
    done = run(copy, "deptry", ".", cwd="services/auth")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "pyroaring" in done.stdout + done.stderr


MYPY = [
    ("no-untyped-def", "def planted(x):\n    return x\n"),
    (
        "arg-type",
        "from typing import assert_never\n\n\ndef planted(x: int | str) -> int:\n"
        "    if isinstance(x, int):\n        return x\n    assert_never(x)\n",
    ),
]


@pytest.mark.parametrize(("code", "text"), MYPY)
def test_mypy_fires(tmp_path: Path, code: str, text: str) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    plant(tmp_path, "tests/planted.py", text)
    done = subprocess.run(
        [str(BIN / "mypy"), "tests/planted.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert code in done.stdout
