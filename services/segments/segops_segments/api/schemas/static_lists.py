"""Bodies for changing the lists of static segments."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from segops_common.core.profile_ids import MAX_PROFILE_ID_CHARS
from segops_common.web.profile_id import ProfileId
from segops_language import without_default
from segops_segments.api.schemas.bases import RequestBody, ResponseBody

NDJSON: Final = "application/x-ndjson"
CSV: Final = "text/csv"

_LIST: Final[dict[str, Any]] = {
    "type": "object",
    "title": "MembersUpload",
    "required": ["user_ids"],
    "additionalProperties": False,
    "properties": {
        "user_ids": {"type": "array", "items": {"type": "string", "minLength": 1, "maxLength": MAX_PROFILE_ID_CHARS}}
    },
}
UPLOAD: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": (
            "At most 10 million user ids. JSON: up to 1 MiB. NDJSON and CSV: up to 64 MiB, also with `Content-Encoding:"
            " gzip`. An NDJSON line is a string, or an object with a `user_id`. CSV is UTF-8, or UTF-16 with a byte order"
            " mark. Its columns are separated by `,`, `;`, tab or `|`. Its first line names the columns, one of them"
            " `user_id`, unless the query has `header=none`. White space around an id in CSV is removed."
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

    add: list[ProfileId] = Field(default=[], json_schema_extra=without_default)
    remove: list[ProfileId] = Field(default=[], json_schema_extra=without_default)

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


class KnownShare(ResponseBody):
    """How many of the first ids of an upload have events. A low share may mean a wrong file or column."""

    checked: int = Field(description="The number of different ids that were compared: at most 1,000.")
    known: int = Field(description="How many of them have events.")


class UploadUnderstood(ResponseBody):
    """How an upload was read."""

    format: Literal["csv", "ndjson", "json"]
    encoding: Literal["utf-8", "utf-16"]
    delimiter: str | None = Field(description="The delimiter of the columns of CSV with a header.")
    column: str | None = Field(description="The heading of the CSV column that has the ids.")
    first_user_ids: list[str] = Field(description="The first three ids, as they were stored.")
    trimmed: int = Field(description="How many ids had white space or zero-width characters around them.")
    known: KnownShare | None = Field(
        default=None, description="Null if the events could not be read, or if there are no ids."
    )


class UploadAccepted(MembersAccepted):
    """The stored upload, how it was read, and the queued run that makes it visible in memberships."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "status": "queued",
                    "run_id": "17",
                    "version": 3,
                    "accepted": 20000,
                    "understood": {
                        "format": "csv",
                        "encoding": "utf-8",
                        "delimiter": ";",
                        "column": "User ID",
                        "first_user_ids": ["user-1", "user-2", "user-3"],
                        "trimmed": 4,
                        "known": {"checked": 1000, "known": 981},
                    },
                }
            ]
        }
    )

    understood: UploadUnderstood
