"""Texts: strings, names of events and properties, and patterns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from segops_language.re2 import PatternError, check_pattern

MAX_NAME_CHARS: Final = 1024
MAX_PATTERN_CHARS: Final = 256


def parse_text(value: object) -> str:
    """Accept a string that every store can keep: valid Unicode without the NUL character."""
    text = require_text(value)
    if "\0" in text:
        raise PydanticCustomError("nul-character", "The text holds a NUL character.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise PydanticCustomError("invalid-text", "The text holds a lone surrogate.") from None
    return text


def parse_name(value: object) -> str:
    """Accept a non-empty text of at most 1024 characters."""
    text = parse_text(value)
    if not 1 <= len(text) <= MAX_NAME_CHARS:
        raise PydanticCustomError("wrong-length", "The name has 1 to 1024 characters.")
    return text


def parse_path(value: object) -> str:
    """Accept a property path; its keys, by `path_keys`, are not empty."""
    text = parse_name(value)
    if not all(path_keys(text)):
        raise PydanticCustomError("invalid-path", "A path has no empty key; a literal dot is written \\. in it.")
    return text


def parse_pattern(value: object) -> str:
    """Accept an RE2 pattern of at most 256 characters."""
    text = parse_text(value)
    if len(text) > MAX_PATTERN_CHARS:
        raise PydanticCustomError("wrong-length", "A pattern has at most 256 characters.")
    try:
        check_pattern(text)
    except PatternError as error:
        raise PydanticCustomError("invalid-regex", "Not an RE2 pattern: {reason}.", {"reason": error.reason}) from None
    return text


def require_text(value: object) -> str:
    if not isinstance(value, str):
        raise PydanticCustomError("wrong-type", "The value is a string.")
    return value


def path_keys(path: str) -> tuple[str, ...]:
    """The keys of a property path: split at dots, `\\.` being a dot within a key.

    A backslash before anything but a dot stands for itself.
    """
    return tuple(part.replace("\0", ".") for part in path.replace("\\.", "\0").split("."))


@dataclass(frozen=True, slots=True)
class EventPattern:
    """Which event types a condition names: one, those that begin with a prefix, or (an empty prefix) all tracked ones.

    Types that begin with `$` match only when `exact`.
    """

    text: str
    exact: bool

    @classmethod
    def parse(cls, event_type: str) -> EventPattern:
        """Read the field `event_type`: a trailing `*` makes a prefix, `\\*` is a literal star."""
        exact = not event_type.endswith("*") or event_type.endswith("\\*")
        text = event_type if exact else event_type[:-1]
        return cls(text.replace("\\*", "*"), exact)

    def matches(self, event_type: str) -> bool:
        """Say whether an event of this type is meant."""
        if self.exact:
            return event_type == self.text
        return event_type.startswith(self.text) and not event_type.startswith("$")


Text = Annotated[str, PlainValidator(parse_text), WithJsonSchema({"type": "string"})]
EventTypeText = Annotated[
    str,
    PlainValidator(parse_name),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_NAME_CHARS}),
    Field(
        description="An event type; a trailing * makes it a prefix, * alone is every tracked event, \\* is a star.",
        examples=["page_viewed"],
    ),
]
PathText = Annotated[
    str,
    PlainValidator(parse_path),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_NAME_CHARS}),
    Field(description="Dot-separated keys; \\. is a literal dot.", examples=["address.city"]),
]
PatternText = Annotated[
    str,
    PlainValidator(parse_pattern),
    WithJsonSchema({"type": "string", "maxLength": MAX_PATTERN_CHARS}),
    Field(description="An RE2 pattern, matched anywhere in the string.", examples=["^/docs/"]),
]
