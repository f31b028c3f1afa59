"""What the documentation site is made of: pages, links that hold in it, a page for each problem, and the list for programs."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from segops_local.site.links import links
from segops_local.site.llms import llms_txt, summary, write_texts
from segops_local.site.prepare import lists_for_generator, page_texts, prepare
from segops_local.site.sources import images

ROOT: Final = Path(__file__).resolve().parents[3]
PROJECT: Final[dict[str, Any]] = tomllib.loads((ROOT / "docs/site/zensical.toml").read_text())["project"]


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    return page_texts(ROOT)


def in_navigation(entries: Any = PROJECT["nav"]) -> Iterator[str]:
    for entry in entries:
        for page in entry.values():
            if isinstance(page, str):
                yield page
            else:
                yield from in_navigation(page)


def test_the_navigation_has_every_page(texts: dict[str, str]) -> None:
    listed = list(in_navigation())
    assert len(listed) == len(set(listed))
    # Lists lead to these.
    below = tuple(page for page in texts if page.startswith(("decisions/", "problems/", "contributing/", "runbooks/")))
    assert sorted({*listed, *below}) == sorted(texts), "list each page in docs/site/zensical.toml"


def test_every_link_holds_in_the_site(texts: dict[str, str]) -> None:
    places = {*texts, *images(ROOT).values()}
    broken = [
        (page, link.target)
        for page, text in texts.items()
        for link in links(text)
        if not link.is_outside and not link.target.startswith("/") and link.resolved(page) not in places
    ]
    assert broken == []


def test_what_is_not_in_the_site_is_named_by_its_path(texts: dict[str, str]) -> None:
    assert "[roles.sql]" in (ROOT / "docs/configuration.md").read_text()
    assert "roles.sql (`deploy/postgres/roles.sql`)" in texts["configuration.md"]
    assert "[ARCHITECTURE.md](architecture.md#settings)" in texts["configuration.md"]


def test_each_problem_has_a_page(texts: dict[str, str]) -> None:
    slugs = re.findall(r"^\| `([a-z-]+)` \|", (ROOT / "docs/problems.md").read_text(), flags=re.MULTILINE)
    assert len(slugs) > 90
    assert sorted(page for page in texts if page.startswith("problems/")) == [f"problems/{slug}.md" for slug in slugs]
    for slug in slugs:
        assert f"[`{slug}`](problems/{slug}.md)" in texts["problems.md"]
        assert f"https://segops.dev/problems/{slug}`" in texts[f"problems/{slug}.md"]
    assert "[Begin a session](../web-pages.md#sessions), and send its token." in texts["problems/session-required.md"]
    assert "`<user_id>\\|<user_id_ts>`" in texts["problems/signature-invalid.md"]


def test_a_list_after_a_line_of_text_gets_an_empty_line(texts: dict[str, str]) -> None:
    assert "\nIn short:\n- One" in (ROOT / "docs/performance.md").read_text()
    assert "\nIn short:\n\n- One" in texts["performance.md"]
    assert "**What follows.**\n\n- The process" in texts["decisions/0053-make-run-forks-the-services.md"]


def test_an_item_of_a_list_goes_on_after_code(texts: dict[str, str]) -> None:
    before = "\n4. Copy:\n\n   ```bash\n   sed\n   ```\n\n   Again.\n5. Start.\n\n```\n   code\n```\n"
    after = "\n4. Copy:\n\n    ```bash\n    sed\n    ```\n\n    Again.\n\n5. Start.\n\n```\n   code\n```\n"
    assert "".join(lists_for_generator(before)) == after
    assert "\n4. On the first server" in texts["deploy.md"]


def test_programs_get_every_page_as_text(texts: dict[str, str], tmp_path: Path) -> None:
    prepare(ROOT, tmp_path / "work")
    (tmp_path / "site").mkdir()
    write_texts(tmp_path / "work", tmp_path / "site", texts)
    listed = re.findall(r"\]\(/docs/([^)]+)\)", (tmp_path / "site" / "llms.txt").read_text())
    assert listed == list(in_navigation())
    assert all((tmp_path / "site" / page).read_text() == texts[page] for page in listed)


def test_the_list_says_what_each_page_is_about(texts: dict[str, str]) -> None:
    lines = [line for line in llms_txt(PROJECT, texts).splitlines() if line.startswith("- ")]
    for line in lines:
        assert re.fullmatch(r"- \[.+\]\(/\S+\): .{15,200}", line), line


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("# Title\n\nOne [link](a.md) and\n`code`. Two.", "One link and `code`."),
        ("# Title\n\n```\ncode\n```\n\n| a |\n\nLists:\n- a", "Lists"),
        ("# Title", ""),
        ("x" * 300, "x" * 200),
    ],
)
def test_a_summary_is_the_first_sentence(text: str, first: str) -> None:
    assert summary(text) == first
