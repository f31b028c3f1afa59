"""What all bodies and answers of the service have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Body(BaseModel):
    """What a caller sends; a field that nobody knows is a fault."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Answer(BaseModel):
    """What a caller is sent."""

    model_config = ConfigDict(frozen=True)
