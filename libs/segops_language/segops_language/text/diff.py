"""Compares two definitions line by line in their text form."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import unified_diff

from segops_language.groups import Group
from segops_language.text.render import render_text


@dataclass(frozen=True, slots=True)
class TextDiff:
    """A unified diff, empty when nothing changed, and the added and removed lines without indentation."""

    text: str
    added: tuple[str, ...]
    removed: tuple[str, ...]


def text_diff(before: Group, after: Group, *, names: tuple[str, str]) -> TextDiff:
    """Return the difference; `names` are shown in the head of the diff."""
    lines = list(unified_diff(_lines(before), _lines(after), *names))
    return TextDiff("".join(lines), _marked("+", lines[2:]), _marked("-", lines[2:]))


def _lines(definition: Group) -> list[str]:
    """Return lines with their line feeds; `splitlines` would also split at other separators inside of names."""
    return [f"{line}\n" for line in render_text(definition).split("\n")[:-1]]


def _marked(mark: str, lines: Iterable[str]) -> tuple[str, ...]:
    return tuple(line[1:].strip() for line in lines if line.startswith(mark))
