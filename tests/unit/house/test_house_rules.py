"""Each of the project's rules fires on a planted violation, and stays silent on the text beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import house_rules, wording

ROOT = Path(__file__).resolve().parents[3]


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
    (
        "tenant-setting",
        f"{SERVICE}/adapters/a.py",
        "x = \"SELECT set_config('segops.tenants', :t, false)\"\n",
        "x = \"SELECT set_config('segops.tenants', :t, true), set_config('role', :r, true)\"\n",
    ),
    (
        "tenant-setting",
        f"{SERVICE}/adapters/a.py",
        "x = 'SET ROLE segops_auth_keys'\n",
        "x = 'SET LOCAL ROLE segops_auth_keys'\n",
    ),
    ("unfinished", f"{SERVICE}/service.py", f"x = 1  # {UNFINISHED} later\n", "x = 1  # done\n"),
    ("wording", f"{SERVICE}/service.py", '"""Word of nobody: that is none."""\n', '"""Report nothing."""\n'),
]


@pytest.mark.parametrize(("rule", "path", "bad", "good"), CASES)
def test_rule_fires_on_a_planted_violation(rule: str, path: str, bad: str, good: str) -> None:
    assert {finding.rule for finding in house_rules.check_module(Path(path), bad)} == {rule}
    assert house_rules.check_module(Path(path), good) == []


def test_every_rule_has_a_planted_violation() -> None:
    assert {rule for rule, *_ in CASES} == set(house_rules.RULES)


def test_written_reason_excuses_one_rule_on_one_line() -> None:
    text = "import os\nx = os.environ['A']  # house: environment read once by the launcher\ny = os.environ['B']\n"
    assert [finding.line for finding in house_rules.check_module(Path(f"{SERVICE}/service.py"), text)] == [3]


def test_a_registry_host_is_found_in_any_text() -> None:
    host = ".".join(("registry", "npmjs", "org"))
    findings = house_rules.check_text(Path("package-lock.json"), f'{{"resolved": "https://{host}/x.tgz"}}')
    assert [finding.rule for finding in findings] == ["registry-host"]
    assert house_rules.check_text(Path("package-lock.json"), '{"integrity": "sha512-x"}') == []


def test_the_project_keeps_its_rules() -> None:
    findings = house_rules.check_tree(ROOT, house_rules.project_files(ROOT))
    assert [str(finding) for finding in findings] == []


EXAMPLES = {
    r"of which": "a set, of which one",
    r"of whom": "the people of whom",
    r"that is none": "a number that is none",
    r"those of\b": "those of a tenant",
    r"whether it was": "whether it was there",
    r"\bword of\b": "word of it",
    r"of nobody": "of nobody",
    r"nobody (?:needs|may|is|waits)": "nobody needs it",
    r"unless said otherwise": "a day unless said otherwise",
    r"as often as": "as often as not",
    r"for want of": "for want of a lease",
    r"\bof before\b": "the secret of before",
    r"\bwho is too many\b": "who is too many",
    r"\bis told\b": "a caller is told",
    r"\bare told\b": "they are told",
    r"\bhot route": "the hot routes",
    r"\batoms?\b": "an atom",
    r"\batom cache": "the atom cache",
    r"\bledgers?\b": "a ledger",
    r"\bguardian": "the guardian",
    r"\bflights\b": "flights",
    r"\bunnumbered\b": "unnumbered",
    r"rules? of the house": "the rules of the house",
    r"\bhouse rules?\b": "house rules",
    r"\bThe value is (?:a|an|one|not)\b": "The value is a number.",
}
PLACE = Path(f"{SERVICE}/service.py")


def test_every_phrase_has_an_example() -> None:
    assert set(EXAMPLES) == set(wording.PHRASES)


@pytest.mark.parametrize("phrase", sorted(wording.PHRASES))
@pytest.mark.parametrize("form", ['"""{}"""\n', "x = 1  # {}\n", "x = 'Not {}.'\n"])
def test_a_refused_phrase_is_reported(phrase: str, form: str) -> None:
    assert list(wording.refused_words(PLACE, form.format(EXAMPLES[phrase])))
    assert list(wording.refused_words(Path("docs/a.md"), f"# Title\n\nIt is {EXAMPLES[phrase]}\n"))


@pytest.mark.parametrize("name", sorted(wording.NAMES))
@pytest.mark.parametrize("form", ["{} = 1\n", "def f({}: int) -> None: ...\n", "for _{} in ():\n    pass\n"])
def test_a_refused_variable_is_reported(name: str, form: str) -> None:
    assert [line for line, _ in wording.refused_words(PLACE, form.format(name))] == [1]


@pytest.mark.parametrize("name", sorted(wording.NAMES))
def test_a_model_may_have_a_field_of_that_name(name: str) -> None:
    assert not list(wording.refused_words(PLACE, f"class Progress(BaseModel):\n    {name}: int = 0\n"))
    for text in (
        f"class Progress:\n    {name}: int = 0\n",
        f"class Progress(BaseModel):\n    {name} = 0\n",
        f"class Progress(BaseModel):\n    def sum(self) -> None:\n        {name}: int = 0\n",
    ):
        assert list(wording.refused_words(PLACE, text))


@pytest.mark.parametrize("part", sorted(wording.PARTS))
def test_a_refused_part_of_a_name_is_reported(part: str) -> None:
    for text in (f"class Big{part.title()}: ...\n", f"async def read_{part}() -> None: ...\n"):
        assert [line for line, _ in wording.refused_words(PLACE, text)] == [1]


def test_senses_of_the_domain_and_records_of_the_past_stay() -> None:
    assert not list(wording.refused_words(PLACE, '"""A missing property; an atomic write; announcements."""\n'))
    assert not list(wording.refused_words(Path("docs/decisions/0001-x.md"), "The hot route of the ledger.\n"))


def test_a_folder_with_too_many_modules_is_reported() -> None:
    modules = [Path(f"{SERVICE}/domain/m{number}.py") for number in range(12)]
    packages = [Path(f"{SERVICE}/domain/__init__.py"), *(Path(f"{SERVICE}/migrations/m{n}.py") for n in range(20))]
    assert house_rules.check_folders([*modules, *packages]) == []
    findings = house_rules.check_folders([*modules, *packages, Path(f"{SERVICE}/domain/one_more.py")])
    assert [(finding.rule, finding.path) for finding in findings] == [("folder-size", Path(f"{SERVICE}/domain"))]
