"""What changed between two versions of a definition, line by line of its text form."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import unified_diff

from segops_common.contracts.definition import Group
from segops_common.contracts.definition.text import render_text
from segops_segments.domain.segment import NOBODY, Version


@dataclass(frozen=True, slots=True)
class VersionDiff:
    """A unified diff, and the lines that came and went without their indentation; version 0 is before the first."""

    before: int
    after: int
    text: str
    added: tuple[str, ...]
    removed: tuple[str, ...]


def difference(before: Version | None, after: Version) -> VersionDiff:
    """From one version to another; None is nobody's definition."""
    number, old = (0, NOBODY) if before is None else (before.number, before.definition)
    lines = list(
        unified_diff(
            _lines(old),
            _lines(after.definition),
            f"version {number}",
            f"version {after.number}",
        )
    )
    return VersionDiff(number, after.number, "".join(lines), _marked("+", lines[2:]), _marked("-", lines[2:]))


def _lines(definition: Group) -> list[str]:
    """Each with its line feed; a name may hold other separators."""
    return [f"{line}\n" for line in render_text(definition).split("\n")[:-1]]


def _marked(mark: str, lines: Iterable[str]) -> tuple[str, ...]:
    return tuple(line[1:].strip() for line in lines if line.startswith(mark))
