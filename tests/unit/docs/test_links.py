"""Every link of the documentation leads somewhere: to a file, a heading, or an address that `make run` serves."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from segops_local.site.links import Link, anchors_of_host, anchors_of_site, links

ROOT: Final = Path(__file__).resolve().parents[3]
SERVED: Final = ("/api/docs/", "/openapi.json", "/sdk/", "/docs/")
"""What a link that begins with a slash may lead to."""


def pages() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return sorted(line for line in set(listed.stdout.splitlines()) if (ROOT / line).is_file())


@cache
def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def fault_of(link: Link, page: str) -> str | None:
    """Return what is wrong with a link on a page; None when it is right."""
    if link.is_outside:
        return None
    if link.target.startswith("/"):
        return None if link.path.startswith(SERVED) else "make run does not serve it"
    target = link.resolved(page)
    if target.startswith("..") or not (ROOT / target).exists():
        return "there is no such file"
    if not link.anchor:
        return None
    if not target.endswith(".md"):
        return "only pages have headings"
    # The site and hosts of repositories make anchors in different ways: a link must hold in both.
    for anchors in (anchors_of_host(text_of(target)), anchors_of_site(text_of(target))):
        if anchors.count(link.anchor) != 1:
            return f"{anchors.count(link.anchor)} headings have this anchor"
    return None


@pytest.mark.parametrize("page", pages())
def test_every_link_leads_somewhere(page: str) -> None:
    faults = [f"{link.target}: {fault}" for link in links(text_of(page)) if (fault := fault_of(link, page))]
    assert faults == []


def test_most_links_are_seen() -> None:
    linked = [link for page in pages() for link in links(text_of(page))]
    assert sum(not link.is_outside for link in linked) > 100
    assert sum(bool(link.anchor) for link in linked) > 20


@pytest.mark.parametrize(
    ("target", "fault"),
    [
        ("absent.md", "there is no such file"),
        ("../../outside.md", "there is no such file"),
        ("glossary.md#absent", "0 headings have this anchor"),
        ("images/user.png#part", "only pages have headings"),
        ("/absent/", "make run does not serve it"),
        ("glossary.md#glossary", None),
        ("/api/docs/", None),
        ("mailto:someone@example.com", None),
    ],
)
def test_a_broken_link_is_found(target: str, fault: str | None) -> None:
    text = f"`[code](absent.md)`\n\n```\n[code](absent.md)\n```\n\n[`a [b]`]({target}), ![c](images/user.png)"
    first, image = links(text)
    assert (first.label, image.image) == ("`a [b]`", True)
    assert fault_of(first, "docs/page.md") == fault
    assert fault_of(image, "docs/page.md") is None


def test_anchors_are_those_of_headings() -> None:
    text = "# One `two` **three**\n```\n# code\n```\n## A [link](x.md): what, and why?\n## Track / identify\n"
    assert anchors_of_site(text) == ["one-two-three", "a-link-what-and-why", "track-identify"]
    assert anchors_of_host(text) == ["one-two-three", "a-link-what-and-why", "track--identify"]
