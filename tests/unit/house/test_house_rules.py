"""Each house rule fires on a planted violation, and stays silent on the text beside it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]


def load_rules() -> ModuleType:
    spec = importlib.util.spec_from_file_location("house_rules", ROOT / "scripts" / "house_rules.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["house_rules"] = module
    spec.loader.exec_module(module)
    return module


house_rules = load_rules()
SERVICE = "services/auth/segops_auth"
UNFINISHED = "TO" + "DO"

CASES = [
    ("module-size", f"{SERVICE}/service.py", "x = 1\n" * 401, "x = 1\n" * 400),
    ("no-mock", "tests/unit/test_a.py", "from unittest.mock import patch\n", "from unittest import TestCase\n"),
    ("no-mock", "tests/unit/test_a.py", "from unittest import mock\n", "import unittest\n"),
    ("no-mock", "tests/unit/test_a.py", "def test_a(monkeypatch): ...\n", "def test_a(tmp_path): ...\n"),
    ("environment", f"{SERVICE}/service.py", "import os\nx = os.environ['A']\n", "import os\nx = os.sep\n"),
    ("environment", f"{SERVICE}/service.py", "import os\nx = os.getenv('A')\n", "import os\nx = os.getpid()\n"),
    (
        "settings",
        f"{SERVICE}/app.py",
        "from segops_auth.settings import Settings\n",
        "from segops_auth.bootstrap import build\n",
    ),
    (
        "tenant-first",
        f"{SERVICE}/ports.py",
        "class P:\n    async def get(self, key: int, tenant_id: int) -> None: ...\n",
        "class P:\n    async def get(self, tenant_id: int, key: int) -> None: ...\n",
    ),
    ("jose", f"{SERVICE}/service.py", "from jose import jwt\n", "import json\n"),
    ("unfinished", f"{SERVICE}/service.py", f"x = 1  # {UNFINISHED} later\n", "x = 1  # done\n"),
]


@pytest.mark.parametrize(("rule", "path", "bad", "good"), CASES)
def test_rule_fires_on_a_planted_violation(rule: str, path: str, bad: str, good: str) -> None:
    assert [finding.rule for finding in house_rules.check_module(Path(path), bad)] == [rule]
    assert house_rules.check_module(Path(path), good) == []


def test_every_rule_has_a_planted_violation() -> None:
    assert {rule for rule, *_ in CASES} == set(house_rules.RULES)


def test_written_reason_excuses_one_rule_on_one_line() -> None:
    text = "import os\nx = os.environ['A']  # house: environment read once by the launcher\ny = os.environ['B']\n"
    assert [finding.line for finding in house_rules.check_module(Path(f"{SERVICE}/service.py"), text)] == [3]


def test_a_registry_host_is_found_in_any_text() -> None:
    host = ".".join(("registry", "npmjs", "org"))
    found = house_rules.check_text(Path("package-lock.json"), f'{{"resolved": "https://{host}/x.tgz"}}')
    assert [finding.rule for finding in found] == ["registry-host"]
    assert house_rules.check_text(Path("package-lock.json"), '{"integrity": "sha512-x"}') == []


def test_the_project_keeps_its_rules() -> None:
    findings = house_rules.check_tree(ROOT, house_rules.project_files(ROOT))
    assert [str(finding) for finding in findings] == []
