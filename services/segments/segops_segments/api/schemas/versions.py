"""Bodies that show, compare and restore versions of a segment."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from segops_common.web.fields import ListResponse, list_example
from segops_language import EXAMPLE, Group
from segops_language.text.render import render_text
from segops_language.text.sentence import sentence_of
from segops_segments.api.schemas.bases import AT, MAX_ID, RequestBody, ResponseBody
from segops_segments.domain.segment import Version
from segops_segments.domain.version_diff import VersionDiff

_VERSION: Final[JsonDict] = {"version": 2, "definition": EXAMPLE, "created_at": AT, "created_by": "user:7"}
_EXAMPLE: Final = Group.model_validate(EXAMPLE)


class VersionRead(ResponseBody):
    """A present or past definition of the segment."""

    model_config = ConfigDict(json_schema_extra={"examples": [_VERSION]})

    version: int
    definition: Group = Field(description="The definition that this version introduced.")
    created_at: datetime
    created_by: str = Field(description="`user:<id>` or `key:<id>`.")

    @classmethod
    def of(cls, version: Version) -> VersionRead:
        """Return the response for a version."""
        return cls(
            version=version.number,
            definition=version.definition,
            created_at=version.created_at,
            created_by=version.created_by,
        )


class VersionDetail(VersionRead):
    """A version, with its definition as text and as a sentence."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [_VERSION | {"text": render_text(_EXAMPLE), "sentence": sentence_of(_EXAMPLE)}]}
    )

    text: str
    sentence: str

    @classmethod
    def of(cls, version: Version) -> VersionDetail:
        """Return the response for a version."""
        plain = VersionRead.of(version)
        return cls(
            **plain.model_dump(exclude={"definition"}),
            definition=version.definition,
            text=render_text(version.definition),
            sentence=sentence_of(version.definition),
        )


class VersionList(ListResponse[VersionRead]):
    """Versions, newest first."""

    model_config = list_example("/api/segments/42/versions/", _VERSION)


class RestoreVersion(RequestBody):
    """The version whose definition to set again."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"version": 2}]})

    version: Annotated[int, Field(ge=1, le=MAX_ID)]


class VersionDiffRead(ResponseBody):
    """The difference between two versions of a definition."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "from_version": 1,
                    "to_version": 2,
                    "text_diff": "--- version 1\n+++ version 2\n@@ -1,2 +1,3 @@\n all of {\n"
                    '+  trait "plan" eq "starter"\n }\n',
                    "added": ['trait "plan" eq "starter"'],
                    "removed": [],
                }
            ]
        },
    )

    from_version: int = Field(description="0 is the empty definition before the first version.")
    to_version: int
    text_diff: str = Field(description="A unified diff of the text forms; empty when they are equal.")
    added: tuple[str, ...] = Field(description="Lines that only the text form of `to_version` has.")
    removed: tuple[str, ...] = Field(description="Lines that only the text form of `from_version` has.")

    @classmethod
    def of(cls, diff: VersionDiff) -> VersionDiffRead:
        """Return the response for a difference."""
        return cls(
            from_version=diff.before,
            to_version=diff.after,
            text_diff=diff.text.text,
            added=diff.text.added,
            removed=diff.text.removed,
        )
