"""The difference between two versions of a definition."""

from __future__ import annotations

from dataclasses import dataclass

from segops_language.text.diff import TextDiff, text_diff
from segops_segments.domain.segment import NOBODY, Version


@dataclass(frozen=True, slots=True)
class VersionDiff:
    """What changed from version `before` to version `after`; 0 is the empty definition before the first version."""

    before: int
    after: int
    text: TextDiff


def version_diff(before: Version | None, after: Version) -> VersionDiff:
    """Return the difference between two versions; None compares with the empty definition."""
    number, old = (0, NOBODY) if before is None else (before.number, before.definition)
    names = f"version {number}", f"version {after.number}"
    return VersionDiff(number, after.number, text_diff(old, after.definition, names=names))
