"""Writes the folder that the generator reads: pages with links that hold in the site, and pages made of tables and lists."""

from __future__ import annotations

import posixpath
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from segops_local.site.links import Link, parts, rewritten
from segops_local.site.sources import CONFIGURATION, FOLDERS, images, pages

_PROBLEM: Final = re.compile(r"^\| `([a-z-]+)` \| ([^|]+) \| (.+?) \| (.+) \|$", re.MULTILINE)
_LIST: Final = re.compile(r"^((?![-+#|>\s]|\* |\d+\. ).+\n)(?=(?:-|\d+\.) )", re.MULTILINE)
"""A line of text before a list: the generator needs an empty line between them."""
_ITEM: Final = re.compile(r"^( {4}\S.*\n)(?=(?:-|\d+\.) )", re.MULTILINE)


def prepare(root: Path, work: Path) -> None:
    """Write pages, images and the configuration into `work`, which must be empty or absent."""
    configuration = root / CONFIGURATION
    shutil.copytree(configuration / "overrides", work / "overrides")
    shutil.copyfile(configuration / "zensical.toml", work / "zensical.toml")
    folder = work / "pages"
    for place, text in page_texts(root).items():
        _write(folder / place, text)
    for path, place in images(root).items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / path, folder / place)
    (folder / "site").mkdir()
    for script in configuration.glob("*.js"):
        shutil.copyfile(script, folder / "site" / script.name)
    shutil.copyfile(configuration / "site.css", folder / "site.css")


def page_texts(root: Path) -> dict[str, str]:
    """Return the Markdown of every page by its path in the site."""
    places = pages(root)
    texts = {place: _for_site((root / path).read_text(), path, places) for path, place in places.items()}
    table = texts["problems.md"]
    linked = _PROBLEM.sub(lambda row: row[0].replace(f"`{row[1]}`", f"[`{row[1]}`](problems/{row[1]}.md)", 1), table)
    made = {"problems.md": linked, "decisions/index.md": _decisions(texts)}
    return texts | made | _problem_pages(table)


def _for_site(text: str, page: str, places: Mapping[str, str]) -> str:
    """Return a page whose links lead to pages of the site. What is not in the site is named by its path instead."""
    here = posixpath.dirname(places[page]) or "."

    def rewrite(link: Link) -> str:
        if link.is_outside or link.target.startswith("/") or link.image or not link.path:
            return link.text
        target = link.resolved(page)
        place = places.get(target) or FOLDERS.get(target)
        if place is None:
            return link.label if link.label.strip("`") == target else f"{link.label} (`{target}`)"
        anchor = f"#{link.anchor}" if link.anchor else ""
        return f"[{link.label}]({posixpath.relpath(place, here)}{anchor})"

    return "".join(lists_for_generator(rewritten(text, rewrite)))


def lists_for_generator(text: str) -> Iterator[str]:
    """Yield the parts of a page with lists as the generator reads them: items go on after four spaces, not two or three."""
    in_item = False
    for part, is_code in parts(text):
        if is_code:
            indent = len(part) - len(part.lstrip(" "))
            in_item = indent > 0
            yield re.sub(r"^(?=.)", " " * (4 - indent), part, flags=re.MULTILINE) if in_item else part
            continue
        moved = _LIST.sub(r"\1\n", re.sub(r"^ {3}(?=\S)", "    ", part, flags=re.MULTILINE))
        # The last paragraph of an item with code would swallow the next item.
        yield _ITEM.sub(r"\1\n", moved, count=1) if in_item else moved


def _problem_pages(table: str) -> dict[str, str]:
    """Return a page for each row of the table of problems: the `type` of a problem leads there."""
    return {f"problems/{row[1]}.md": _problem_page(row) for row in _PROBLEM.finditer(table)}


def _problem_page(row: re.Match[str]) -> str:
    slug, status, happened, remedy = row.groups()
    # The pages of problems are one folder below the table.
    happened, remedy = (
        rewritten(text, lambda link: link.text if link.is_outside else f"[{link.label}](../{link.target})")
        for text in (happened, remedy)
    )
    return (
        f"# {slug}\n\n{happened}\n\n**What to do.** {remedy}\n\n"
        f"| | |\n|---|---|\n| status | {status} |\n| `type` | `https://segops.dev/problems/{slug}` |\n\n"
        f"[All problems](../problems.md)\n"
    )


def _decisions(texts: Mapping[str, str]) -> str:
    """Return the list of decisions, the newest first."""
    records = sorted((place for place in texts if place.startswith("decisions/")), reverse=True)
    lines = (f"- [{texts[place].partition(chr(10))[0].lstrip('# ')}]({posixpath.basename(place)})" for place in records)
    return (
        "# Decisions\n\nWhy SegOps is built as it is. A later record may replace an earlier one.\n\n"
        + "\n".join(lines)
        + "\n"
    )


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
