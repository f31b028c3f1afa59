"""Bodies that show one definition as JSON, as text and as a sentence."""

from __future__ import annotations

from typing import Annotated, Final, Self

from pydantic import ConfigDict, Field, model_validator

from segops_common.core.problems import ValidationFailed
from segops_language import EXAMPLE, Definition, Group, InvalidDefinition, Optional, content_hash
from segops_language.model import fault_at
from segops_language.text.parser import MAX_TEXT_CHARS, parse_text
from segops_language.text.render import render_text
from segops_language.text.sentence import sentence_of
from segops_segments.api.schemas.bases import RequestBody, ResponseBody
from segops_segments.service.validation.definition_checks import to_faults

_EXAMPLE: Final = Group.model_validate(EXAMPLE)
_TEXT: Final = render_text(_EXAMPLE)


class DescribeDefinition(RequestBody):
    """A definition, either as JSON or as text."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"definition": EXAMPLE}, {"text": _TEXT}]})

    definition: Optional[Definition] = None
    text: Optional[Annotated[str, Field(max_length=MAX_TEXT_CHARS)]] = None

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if (self.definition is None) == (self.text is None):
            raise fault_at("text", "required", "must be given without `definition`, or `definition` without `text`")
        return self

    def parse(self) -> Group:
        """Return the definition. Raises ValidationFailed for a text that is not a definition."""
        if self.definition is not None:
            return self.definition
        try:
            return parse_text(self.text or "")
        except InvalidDefinition as refusal:
            raise ValidationFailed(refusal.detail, errors=to_faults(refusal.faults)) from None


class DefinitionDescription(ResponseBody):
    """One definition in all its representations."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "definition": EXAMPLE,
                    "text": _TEXT,
                    "sentence": sentence_of(_EXAMPLE),
                    "content_hash": content_hash(_EXAMPLE),
                }
            ]
        },
    )

    definition: Group = Field(description="The definition as JSON.")
    text: str = Field(description="The text form, which can be sent instead of the definition.")
    sentence: str = Field(description="The definition as an English sentence.")
    content_hash: str = Field(description="SHA-256 of the canonical form, in hexadecimal; equal for equal definitions.")

    @classmethod
    def of(cls, definition: Group) -> DefinitionDescription:
        """Return the response for a definition."""
        return cls(
            definition=definition,
            text=render_text(definition),
            sentence=sentence_of(definition),
            content_hash=content_hash(definition),
        )
