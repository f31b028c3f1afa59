"""Links and headings of Markdown, outside of code."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

_FENCE: Final = re.compile(r"^ {0,3}(```+|~~~+)[^\n]*\n.*?^ {0,3}\1[ \t]*$", re.MULTILINE | re.DOTALL)
_LINK: Final = re.compile(
    r"(?P<code>(?P<ticks>`+)(?!`).*?(?<!`)(?P=ticks)(?!`))"
    r"|(?P<image>!?)\[(?P<label>(?:`[^`]*`|\[[^\]]*\]|[^\[\]`])*)\]\((?P<target>[^()\s]+)\)"
)
_HEADING: Final = re.compile(r"^#{1,6} +(.+?) *#* *$", re.MULTILINE)
_OUTSIDE: Final = re.compile(r"^[a-z][a-z0-9+.-]*:", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Link:
    """A link or an image. `target` is as it was written."""

    label: str
    target: str
    image: bool
    text: str

    @property
    def path(self) -> str:
        return self.target.partition("#")[0]

    @property
    def anchor(self) -> str:
        return self.target.partition("#")[2]

    @property
    def is_outside(self) -> bool:
        """Whether it leads to another host, or is an address such as `mailto:`."""
        return _OUTSIDE.match(self.target) is not None

    def resolved(self, page: str) -> str:
        """Return the path of the target, for a link on `page`: both are relative to one folder."""
        return posixpath.normpath(posixpath.join(posixpath.dirname(page), self.path)) if self.path else page


def links(text: str) -> Iterator[Link]:
    """Yield the links of a page in order."""
    for part, is_code in parts(text):
        if not is_code:
            yield from (_link(match) for match in _LINK.finditer(part) if match["code"] is None)


def rewritten(text: str, rewrite: Callable[[Link], str]) -> str:
    """Return the page with each link replaced by what `rewrite` returns for it."""

    def replace(match: re.Match[str]) -> str:
        return match[0] if match["code"] is not None else rewrite(_link(match))

    return prose(text, lambda part: _LINK.sub(replace, part))


def prose(text: str, change: Callable[[str], str]) -> str:
    """Return the page with everything outside of blocks of code replaced by what `change` returns for it."""
    return "".join(part if is_code else change(part) for part, is_code in parts(text))


def headings(text: str) -> list[str]:
    """Return the texts of the headings, without markup."""
    plain = "".join(part for part, is_code in parts(text) if not is_code)
    return [_without_markup(match[1]) for match in _HEADING.finditer(plain)]


def anchors_of_site(text: str) -> list[str]:
    """Return the anchors that the generator gives the headings; repeated ones have no number here."""
    return [re.sub(r"[-\s]+", "-", _letters(heading)) for heading in headings(text)]


def anchors_of_host(text: str) -> list[str]:
    """Return the anchors that hosts of repositories give the headings; repeated ones have no number here."""
    return [_letters(heading).replace(" ", "-") for heading in headings(text)]


def _letters(heading: str) -> str:
    return re.sub(r"[^\w\s-]", "", heading).strip().lower()


def _without_markup(heading: str) -> str:
    named = _LINK.sub(lambda match: match["code"] or match["label"], heading)
    return re.sub(r"[`*]", "", named)


def _link(match: re.Match[str]) -> Link:
    return Link(label=match["label"], target=match["target"], image=bool(match["image"]), text=match[0])


def parts(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the page in parts, and whether each is a block of code."""
    end = 0
    for match in _FENCE.finditer(text):
        yield text[end : match.start()], False
        yield match[0], True
        end = match.end()
    yield text[end:], False
