"""What is known of a tenant's segments: their present definitions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from segops_language.groups import Group


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentDefinition:
    """A segment as it was last announced."""

    segment_id: int
    version: int
    definition: Group
    refresh: Literal["manual", "hourly", "live"]
