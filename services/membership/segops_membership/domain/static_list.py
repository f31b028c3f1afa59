"""The state of a static list: which of its changes are stored, and which of them make up the list."""

from __future__ import annotations

from dataclasses import dataclass, replace

from segops_common.contracts.jobs import StaticMembersChanged


@dataclass(frozen=True, slots=True)
class StaticListState:
    """The list is what the changes of versions `since` to `version` make; changes from `kept` on are stored.

    Of version `coming` the first `parts` parts are stored. It takes effect with its last part, and never when a part is
    missing (`lost`).
    """

    since: int = 0
    version: int = 0
    kept: int = 0
    coming: int = 0
    parts: int = 0
    lost: bool = False

    def after(self, portion: StaticMembersChanged) -> StaticListState:
        """Return the state with a portion; this same object when the portion has arrived before."""
        if portion.list_version <= self.version or portion.list_version < self.coming:
            return self
        begun = self.coming == portion.list_version
        if begun and (self.lost or portion.part <= self.parts):
            return self
        state = replace(self, coming=portion.list_version, parts=portion.part, lost=False)
        follows = portion.replace or portion.base_version == self.version
        if not follows or portion.part != (self.parts + 1 if begun else 1):
            return replace(state, lost=True)
        return state._completed(portion) if portion.part == portion.parts else state

    def _completed(self, portion: StaticMembersChanged) -> StaticListState:
        # A replaced list stays stored until the next replacement, for evaluations that are reading it now.
        if not portion.replace:
            return replace(self, version=portion.list_version)
        kept = portion.list_version if portion.deleted else self.since
        return replace(self, since=portion.list_version, version=portion.list_version, kept=kept)
