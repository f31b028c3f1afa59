"""The linters of `make check` fire on planted violations, with the project's own configuration.

All violations are planted into one copy of the project and each linter runs once; the tests read what it reported.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
BIN = Path(sys.executable).parent
TREES = ("libs", "services", "deploy/local")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's sources and configuration, free to break."""
    folder = tmp_path_factory.mktemp("project")
    for tree in TREES:
        shutil.copytree(ROOT / tree, folder / tree, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
    for name in ("pyproject.toml", ".importlinter"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def run(copy: Path, *command: str, cwd: str = ".") -> str:
    """Return what a linter reports; it must find something."""
    sources = [str(member) for tree in TREES for member in (copy / tree, *(copy / tree).iterdir()) if member.is_dir()]
    process = subprocess.run(
        [str(BIN / command[0]), *command[1:]],
        cwd=copy / cwd,
        env={"PYTHONPATH": ":".join(sources), "PATH": "/usr/bin:/bin", "HOME": str(copy)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 1, process.stdout + process.stderr
    return process.stdout + process.stderr


def plant(copy: Path, path: str, text: str) -> None:
    target = copy / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text((target.read_text() if target.exists() else "") + text)


# Contract, module, and what it imports; each module gets a name of its own, so that the report shows it.
IMPORTS = [
    ("Services never import one another", "services/auth/segops_auth/domain/planted.py", "import segops_ingest\n"),
    (
        "Production code never imports the test kit",
        "services/segments/segops_segments/service/planted.py",
        "import segops_testkit.clock\n",
    ),
    (
        "Production code never imports the test kit",
        "deploy/local/segops_local/planted.py",
        "import segops_testkit.clock\n",
    ),
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


@pytest.fixture(scope="module")
def imports_report(copy: Path) -> str:
    planted = [(path.replace("planted", f"planted_{number}"), text) for number, (_, path, text) in enumerate(IMPORTS)]
    for path, text in planted:
        plant(copy, path, text)
    report = run(copy, "lint-imports", "--config", ".importlinter", "--no-cache")
    for path, _ in planted:
        (copy / path).unlink()
    (copy / "services/ingest/segops_ingest/helpers").rmdir()
    return report


@pytest.mark.parametrize(("number", "contract", "path"), [(n, c, p) for n, (c, p, _) in enumerate(IMPORTS)])
def test_import_linter_fires(imports_report: str, number: int, contract: str, path: str) -> None:
    assert f"{contract} BROKEN" in imports_report
    details = imports_report.partition("Broken contracts")[2].partition(f"\n{contract}\n")[2]
    module = ".".join(Path(path).parent.parts[-2:]) if path.endswith("__init__.py") else f"planted_{number}"
    assert module in details


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


@pytest.fixture(scope="module")
def ruff_report(copy: Path) -> dict[str, set[str]]:
    """The codes of the findings in each planted file."""
    for number, (_, text) in enumerate(RUFF):
        plant(copy, f"services/auth/segops_auth/domain/ruff_{number}.py", text)
    report: dict[str, set[str]] = {}
    for finding in json.loads(run(copy, "ruff", "check", "--no-cache", "--output-format=json", "services/auth")):
        report.setdefault(Path(finding["filename"]).stem, set()).add(finding["code"])
    return report


@pytest.mark.parametrize(("number", "code"), [(number, code) for number, (code, _) in enumerate(RUFF)])
def test_ruff_fires(ruff_report: dict[str, set[str]], number: int, code: str) -> None:
    assert code in ruff_report[f"ruff_{number}"]


def test_deptry_fires_on_an_undeclared_dependency(copy: Path) -> None:
    plant(copy, "services/auth/segops_auth/domain/undeclared.py", "import pyroaring\n\nX = pyroaring\n")
    assert "pyroaring" in run(copy, "deptry", ".", cwd="services/auth")


MYPY = [
    ("no-untyped-def", "def planted(x):\n    return x\n"),
    (
        "arg-type",
        "from typing import assert_never\n\n\ndef planted(x: int | str) -> int:\n"
        "    if isinstance(x, int):\n        return x\n    assert_never(x)\n",
    ),
]


@pytest.fixture(scope="module")
def mypy_report(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("mypy")
    shutil.copy(ROOT / "pyproject.toml", folder / "pyproject.toml")
    for number, (_, text) in enumerate(MYPY):
        plant(folder, f"tests/mypy_{number}.py", text)
    process = subprocess.run([str(BIN / "mypy"), "tests"], cwd=folder, capture_output=True, text=True, check=False)
    assert process.returncode == 1, process.stdout + process.stderr
    return process.stdout


@pytest.mark.parametrize(("number", "code"), [(number, code) for number, (code, _) in enumerate(MYPY)])
def test_mypy_fires(mypy_report: str, number: int, code: str) -> None:
    assert any(f"mypy_{number}.py" in line and code in line for line in mypy_report.splitlines())
