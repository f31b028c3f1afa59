"""Static lists: how portions of changes follow one another, and which of them make the list."""

from __future__ import annotations

from dataclasses import dataclass, replace

from segops_common.contracts.jobs import StaticMembersChanged


@dataclass(frozen=True, slots=True)
class StaticList:
    """How far a list is known: the changes `since` to `version` make it, those from `kept` on are stored.

    Of the change `coming` the first `parts` parts are stored; it counts when all are, and never when it is `lost`.
    """

    since: int = 0
    version: int = 0
    kept: int = 0
    coming: int = 0
    parts: int = 0
    lost: bool = False

    def after(self, portion: StaticMembersChanged) -> StaticList:
        """The list after a portion; the same list for a portion that was there before."""
        if portion.list_version <= self.version or portion.list_version < self.coming:
            return self
        begun = self.coming == portion.list_version
        if begun and (self.lost or portion.part <= self.parts):
            return self
        known = replace(self, coming=portion.list_version, parts=portion.part, lost=False)
        follows = portion.replace or portion.base_version == self.version
        if not follows or portion.part != (self.parts + 1 if begun else 1):
            return replace(known, lost=True)
        return known._completed(portion) if portion.part == portion.parts else known

    def _completed(self, portion: StaticMembersChanged) -> StaticList:
        """A replaced list is kept until the next replacement, for whoever reads it at this moment."""
        if not portion.replace:
            return replace(self, version=portion.list_version)
        kept = portion.list_version if portion.deleted else self.since
        return replace(self, since=portion.list_version, version=portion.list_version, kept=kept)
