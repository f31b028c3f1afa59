"""Bodies for changing the lists of static segments."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from segops_language import without_default
from segops_segments.api.schemas.bases import RequestBody, ResponseBody
from segops_segments.domain.static_list import MAX_USER_ID_CHARS

UserId = Annotated[str, StringConstraints(min_length=1, max_length=MAX_USER_ID_CHARS, pattern=r"\S")]
NDJSON: Final = "application/x-ndjson"
CSV: Final = "text/csv"

_LIST: Final[dict[str, Any]] = {
    "type": "object",
    "title": "MembersUpload",
    "required": ["user_ids"],
    "additionalProperties": False,
    "properties": {
        "user_ids": {"type": "array", "items": {"type": "string", "minLength": 1, "maxLength": MAX_USER_ID_CHARS}}
    },
}
UPLOAD: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": (
            "At most 10 million user ids. JSON: up to 1 MiB. NDJSON and CSV: up to 64 MiB, also with `Content-Encoding:"
            " gzip`. An NDJSON line is a string, or an object with a `user_id`. The first line of CSV names the columns,"
            " one of them `user_id`; it can be left out if there is only one column."
        ),
        "content": {
            "application/json": {"schema": _LIST, "example": {"user_ids": ["user-123", "user-456"]}},
            NDJSON: {
                "schema": {"type": "string", "format": "binary"},
                "example": '"user-123"\n{"user_id": "user-456"}\n',
            },
            CSV: {
                "schema": {"type": "string", "format": "binary"},
                "example": "user_id,plan\nuser-123,pro\nuser-456,free\n",
            },
        },
    }
}
"""The request body of an upload in OpenAPI; it is read as a stream, so it has no model."""


class ChangeMembers(RequestBody):
    """Users to add and to remove; a user must not be in both."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"add": ["user-123"], "remove": ["user-456"]}]})

    add: list[UserId] = Field(default=[], json_schema_extra=without_default)
    remove: list[UserId] = Field(default=[], json_schema_extra=without_default)

    @model_validator(mode="after")
    def _check_disjoint(self) -> ChangeMembers:
        if not frozenset(self.add).isdisjoint(self.remove):
            raise PydanticCustomError("added-and-removed", "must not have a user in both `add` and `remove`")
        return self


class MembersAccepted(ResponseBody):
    """The stored change, and the queued run that makes it visible in memberships."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"status": "queued", "run_id": "17", "version": 3, "accepted": 20000}]}
    )

    status: Literal["queued"] = "queued"
    run_id: str
    version: int = Field(description="The segment's version after the change; also the ETag.")
    accepted: int = Field(description="The number of ids that were read; a repeated id counts each time.")
