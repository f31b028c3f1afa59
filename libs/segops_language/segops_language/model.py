"""The base of every model of the language: immutable, strict, and without unknown fields."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetCoreSchemaHandler, ValidationError
from pydantic.config import JsonDict
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError


class LanguageModel(BaseModel):
    """A part of a definition.

    Models compare as Python does, where `1`, `1.0` and `True` are equal: compare `content_hash` to tell definitions apart.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, serialize_by_alias=True)


class _NotNull:
    """Validates a `T | None` as T: None means that the field was omitted, and null is refused."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler(source)
        if schema["type"] != "nullable":
            raise TypeError("Optional must be used with a type that may be None")
        inner: CoreSchema = schema["schema"]
        return inner


def _absent(value: object) -> bool:
    return value is None or value is False or value == ()


def without_default(schema: JsonDict) -> None:
    """Remove the default from a schema: client generators would make the field required in answers."""
    schema.pop("default", None)


def _as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


T = TypeVar("T")

Optional = Annotated[
    T | None,
    _NotNull(),
    Field(exclude_if=_absent, json_schema_extra=without_default),
]
"""A field that may be omitted. Null is refused, and an omitted field is omitted again when the model is dumped."""

Items = Annotated[tuple[T, ...], BeforeValidator(_as_tuple)]
"""A JSON array, kept as a tuple so that models stay hashable."""

Flag = Annotated[bool, Field(exclude_if=_absent, json_schema_extra=without_default)]
"""A boolean that is omitted when it is false."""

Negate = Annotated[Flag, Field(description="Whether to complement the node over the universe. Default: false.")]


def fault_at(field: str, code: str, message: str) -> ValidationError:
    """Return the error of one field for a validator that looks at several."""
    details = InitErrorDetails(type=PydanticCustomError(code, message), loc=(field,), input=None)
    return ValidationError.from_exception_data("definition", [details], hide_input=True)
