"""What request bodies and responses share."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

EXAMPLE_INSTANT: Final = "2026-01-31T09:00:00Z"
Id = Annotated[int, Field(ge=1, le=2**63 - 1)]


class RequestBody(BaseModel):
    """Refuses unknown fields and values of another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Response(BaseModel):
    """Immutable."""

    model_config = ConfigDict(frozen=True)
