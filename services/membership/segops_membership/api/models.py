"""Answers under /api/segments/membership/."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

COLD: Final[JsonDict] = {"user_id": "user-123", "segment_ids": [42], "cached": False}
WARM: Final[JsonDict] = {"user_id": "user-123", "segment_ids": [42], "cached": True}
NOBODY: Final[JsonDict] = {"user_id": "stranger", "segment_ids": [], "cached": False}


class Membership(BaseModel):
    """The segments that a user is in."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [COLD]})

    user_id: str = Field(description="As asked.")
    segment_ids: tuple[int, ...] = Field(description="Rising; empty for a user in no segment, known or not.")
    cached: bool = Field(description="Whether the answer came from the cache, which a publication empties at once.")
