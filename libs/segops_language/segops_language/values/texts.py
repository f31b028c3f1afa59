"""Texts: strings, names of events and properties, and patterns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

import re2
from pydantic import Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

MAX_NAME_CHARS: Final = 1024
MAX_PATTERN_CHARS: Final = 256
_PATTERN_OPTIONS: Final = re2.Options()
_PATTERN_OPTIONS.log_errors = False
# The warehouse compiles the pattern with a prefix of its own, and with RE2's default of 8 MiB.
_PATTERN_OPTIONS.max_mem = (8 << 20) - (64 << 10)


def parse_text(value: object) -> str:
    """Return a string that every store can keep: valid Unicode without U+0000."""
    text = require_text(value)
    if "\0" in text:
        raise PydanticCustomError("nul-character", "must not contain U+0000")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise PydanticCustomError("invalid-text", "must not contain a lone surrogate") from None
    return text


def parse_name(value: object) -> str:
    """Return a string of 1 to 1024 characters."""
    text = parse_text(value)
    if not 1 <= len(text) <= MAX_NAME_CHARS:
        raise PydanticCustomError("wrong-length", "must have 1 to 1024 characters")
    return text


def parse_path(value: object) -> str:
    """Return a property path; raises when a key of it, by `path_keys`, is empty."""
    text = parse_name(value)
    if not all(path_keys(text)):
        raise PydanticCustomError("invalid-path", "must not have an empty key: write a literal dot as `\\.`")
    return text


def parse_pattern(value: object) -> str:
    """Return an RE2 pattern of at most 256 characters."""
    text = parse_text(value)
    if len(text) > MAX_PATTERN_CHARS:
        raise PydanticCustomError("wrong-length", "must have at most 256 characters")
    try:
        re2.compile(text, _PATTERN_OPTIONS)
    except re2.error as error:
        # After a colon, RE2 quotes the pattern, which a fault must not repeat.
        reason = error.args[0].decode(errors="replace").partition(":")[0]
        raise PydanticCustomError("invalid-regex", "must be an RE2 pattern: {reason}", {"reason": reason}) from None
    return text


def require_text(value: object) -> str:
    if not isinstance(value, str):
        raise PydanticCustomError("wrong-type", "must be a string")
    return value


def path_keys(path: str) -> tuple[str, ...]:
    """Return the keys of a property path: it is split at dots, and `\\.` is a dot inside of a key.

    A backslash before any other character is a backslash.
    """
    return tuple(part.replace("\0", ".") for part in path.replace("\\.", "\0").split("."))


@dataclass(frozen=True, slots=True)
class EventPattern:
    """The event types that a condition names: one type, or all types with a prefix, which may be empty.

    Types that begin with `$` match an exact name only.
    """

    text: str
    exact: bool

    @classmethod
    def parse(cls, event_type: str) -> EventPattern:
        """Parse the field `event_type`: a trailing `*` makes it a prefix, and `\\*` is a literal star."""
        exact = not event_type.endswith("*") or event_type.endswith("\\*")
        text = event_type if exact else event_type[:-1]
        return cls(text.replace("\\*", "*"), exact)

    def matches(self, event_type: str) -> bool:
        """Return whether an event type is one of them."""
        if self.exact:
            return event_type == self.text
        return event_type.startswith(self.text) and not event_type.startswith("$")


Text = Annotated[str, PlainValidator(parse_text), WithJsonSchema({"type": "string"})]
EventTypeText = Annotated[
    str,
    PlainValidator(parse_name),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_NAME_CHARS}),
    Field(
        description="An event type. A trailing * makes it a prefix, * alone means every tracked event, \\* is a literal star.",
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
