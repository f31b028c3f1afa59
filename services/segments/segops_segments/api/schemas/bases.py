"""Base classes of all request and response bodies."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

MAX_ID: Final = 2**63 - 1
AT: Final = "2026-01-31T09:00:00Z"
"""The instant in examples."""
TenantId = Annotated[int, Field(ge=1, le=MAX_ID)]


class RequestBody(BaseModel):
    """A request body; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ResponseBody(BaseModel):
    """A response body."""

    model_config = ConfigDict(frozen=True)
