"""Bodies and answers about the lists of static segments."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from segops_language import without_default
from segops_segments.domain.static_list import MAX_USER_ID_CHARS

UserId = Annotated[str, StringConstraints(min_length=1, max_length=MAX_USER_ID_CHARS, pattern=r"\S")]


class ChangeMembers(BaseModel):
    """Whom to add and whom to remove; nobody both."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        json_schema_extra={"examples": [{"add": ["user-123"], "remove": ["user-456"]}]},
    )

    add: Annotated[list[UserId], Field(json_schema_extra=without_default)] = []
    remove: Annotated[list[UserId], Field(json_schema_extra=without_default)] = []

    @model_validator(mode="after")
    def _nobody_twice(self) -> ChangeMembers:
        if not frozenset(self.add).isdisjoint(self.remove):
            raise PydanticCustomError("added-and-removed", "A user is added or removed, not both.")
        return self


class MembersAccepted(BaseModel):
    """The change is stored, and a run that brings it to the members is queued."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={"examples": [{"status": "queued", "run_id": "17", "version": 3, "accepted": 20000}]},
    )

    status: Literal["queued"] = "queued"
    run_id: str
    version: int = Field(description="The segment's version with this change; also the ETag.")
    accepted: int = Field(description="How many ids were read; one that was given twice counts twice.")
