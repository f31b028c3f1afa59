"""What changed between two versions of a definition."""

from __future__ import annotations

from dataclasses import dataclass

from segops_language.text.diff import TextDiff, text_diff
from segops_segments.domain.segment import NOBODY, Version


@dataclass(frozen=True, slots=True)
class VersionDiff:
    """Version 0 is before the first."""

    before: int
    after: int
    text: TextDiff


def difference(before: Version | None, after: Version) -> VersionDiff:
    """From one version to another; None is nobody's definition."""
    number, old = (0, NOBODY) if before is None else (before.number, before.definition)
    names = f"version {number}", f"version {after.number}"
    return VersionDiff(number, after.number, text_diff(old, after.definition, names=names))
