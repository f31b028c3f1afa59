"""Membership of another segment."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from segops_language.model import LanguageModel, Negate
from segops_language.values import MAX_INTEGER


class SegmentMembership(LanguageModel):
    """The profile is a member of another segment of the tenant, by its current definition."""

    type: Literal["segment"]
    segment_id: Annotated[int, Field(ge=1, le=MAX_INTEGER)]
    negate: Negate = False
