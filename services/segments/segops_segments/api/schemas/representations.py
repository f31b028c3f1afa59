"""Definitions as people read them: as text, as a sentence, and as what changed between two versions."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from segops_common.core.problems import ValidationFailed
from segops_language import EXAMPLE, Definition, Group, InvalidDefinition, Optional, content_hash
from segops_language.model import fault_at
from segops_language.text.parser import MAX_TEXT_CHARS, parse_text
from segops_language.text.render import render_text
from segops_language.text.sentence import sentence_of
from segops_segments.api.schemas.segments import VersionRead
from segops_segments.domain.segment import Version
from segops_segments.domain.version_diff import VersionDiff
from segops_segments.service.validation.definition_checks import to_faults

_EXAMPLE = Group.model_validate(EXAMPLE)
_TEXT, _SENTENCE = render_text(_EXAMPLE), sentence_of(_EXAMPLE)


class DescribeDefinition(BaseModel):
    """A definition as JSON or as text, one of the two."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        frozen=True,
        json_schema_extra={"examples": [{"definition": EXAMPLE}, {"text": _TEXT}]},
    )

    definition: Optional[Definition] = None
    text: Optional[Annotated[str, Field(max_length=MAX_TEXT_CHARS)]] = None

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if (self.definition is None) == (self.text is None):
            raise fault_at("text", "required", "Either a definition or a text is given.")
        return self

    def meant(self) -> Group:
        """Return the definition; raises ValidationFailed for a text that is not one."""
        if self.definition is not None:
            return self.definition
        try:
            return parse_text(self.text or "")
        except InvalidDefinition as refusal:
            raise ValidationFailed(refusal.detail, errors=to_faults(refusal.faults)) from None


class DefinitionDescription(BaseModel):
    """One definition in all its forms."""

    model_config = ConfigDict(
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "definition": EXAMPLE,
                    "text": _TEXT,
                    "sentence": _SENTENCE,
                    "content_hash": content_hash(_EXAMPLE),
                }
            ]
        },
    )

    definition: Group
    text: str = Field(description="The text form, which can be sent instead of the definition.")
    sentence: str = Field(description="In English.")
    content_hash: str = Field(description="SHA-256 (hex) of the canonical form: equal for equal definitions.")

    @classmethod
    def of(cls, definition: Group) -> DefinitionDescription:
        """The answer for a definition."""
        return cls(
            definition=definition,
            text=render_text(definition),
            sentence=sentence_of(definition),
            content_hash=content_hash(definition),
        )


class VersionDetail(VersionRead):
    """A version with its definition in readable forms."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "version": 2,
                    "definition": EXAMPLE,
                    "created_at": "2026-01-31T09:00:00Z",
                    "created_by": "user:7",
                    "text": _TEXT,
                    "sentence": _SENTENCE,
                }
            ]
        }
    )

    text: str
    sentence: str

    @classmethod
    def of(cls, version: Version) -> VersionDetail:
        """The answer for a version."""
        plain = VersionRead.of(version)
        return cls(
            **plain.model_dump(exclude={"definition"}),
            definition=version.definition,
            text=render_text(version.definition),
            sentence=sentence_of(version.definition),
        )


class VersionDiffRead(BaseModel):
    """What changed from one version of a definition to another."""

    model_config = ConfigDict(
        frozen=True,
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

    from_version: int
    to_version: int
    text_diff: str = Field(description="A unified diff of the text forms; empty when nothing changed.")
    added: tuple[str, ...] = Field(description="Lines of the text form that are new.")
    removed: tuple[str, ...] = Field(description="Lines of the text form that are gone.")

    @classmethod
    def of(cls, diff: VersionDiff) -> VersionDiffRead:
        """The answer for a comparison."""
        return cls(
            from_version=diff.before,
            to_version=diff.after,
            text_diff=diff.text.text,
            added=diff.text.added,
            removed=diff.text.removed,
        )
