"""The current definition of a segment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from segops_language.groups import Group


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentDefinition:
    """A segment as the segments service last published it."""

    segment_id: int
    version: int
    definition: Group
    refresh: Literal["manual", "hourly", "live"]
    name: str | None = None
    """None until the segments service has published it."""

    @property
    def title(self) -> str:
        """The name, or a text with the id while the name is unknown."""
        return f"Segment {self.segment_id}" if self.name is None else self.name
