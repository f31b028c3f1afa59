"""`llms.txt`: the list of pages for programs that read documentation, and each page as Markdown."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from segops_local.site.links import rewritten

PREFIX: Final = "/docs/"
"""Where the gateway serves the site."""
_MAX_CHARS: Final = 200
_NO_SENTENCE: Final = ("#", "|", "```", "- ", "<", "![")


def write_texts(work: Path, site: Path, texts: Mapping[str, str]) -> None:
    """Write `llms.txt` and the Markdown of every page into the built site."""
    for place, text in texts.items():
        file = site / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    project = tomllib.loads((work / "zensical.toml").read_text())["project"]
    (site / "llms.txt").write_text(llms_txt(project, texts), encoding="utf-8")


def llms_txt(project: Mapping[str, Any], texts: Mapping[str, str]) -> str:
    """Return the list in the order of the navigation, with the first sentence of each page."""
    lines = [f"# {project['site_name']}", "", f"> {project['site_description']}", ""]
    for title, entry in _entries(project["nav"]):
        if isinstance(entry, str):
            lines += [f"- [{title}]({PREFIX}{entry}): {summary(texts[entry])}", ""]
            continue
        lines += [f"## {title}", ""]
        lines += [f"- [{name}]({PREFIX}{page}): {summary(texts[page])}" for name, page in _entries(entry)]
        lines.append("")
    lines += ["## API", "", "- [OpenAPI document](/openapi.json): all routes, schemas and examples."]
    return "\n".join(lines) + "\n"


def summary(text: str) -> str:
    """Return the first sentence of a page as plain text, cut at 200 characters."""
    paragraphs = (" ".join(part.split()) for part in text.split("\n\n"))
    first = next((part for part in paragraphs if part and not part.startswith(_NO_SENTENCE)), "")
    plain = rewritten(first, lambda link: link.label).replace("**", "")
    sentence = re.match(r".*?[.:](?= [-A-Z`\d]|$)", plain)
    return (sentence[0] if sentence else plain)[:_MAX_CHARS].rstrip(":")


def _entries(nav: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Any]]:
    for entry in nav:
        yield from entry.items()
