"""What every model of the language shares: immutable, strict, and closed to unknown fields."""

from __future__ import annotations

from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetCoreSchemaHandler, ValidationError
from pydantic.config import JsonDict
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError


class LanguageModel(BaseModel):
    """A part of a definition.

    Python calls `1`, `1.0` and `True` equal, so models that hold them do too: to tell definitions apart, compare
    `content_hash`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, serialize_by_alias=True)


class _NotNull:
    """Validates a `T | None` as T: None is only what the field is when it was left out."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler(source)
        if schema["type"] != "nullable":
            raise TypeError("Optional is for a type that may be None")
        inner: CoreSchema = schema["schema"]
        return inner


def _absent(value: object) -> bool:
    return value is None or value is False or value == ()


def without_default(schema: JsonDict) -> None:
    """Leave the default to the description: a generated type would take the field for one that is always given."""
    schema.pop("default", None)


def _as_tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


T = TypeVar("T")

Optional = Annotated[
    T | None,
    _NotNull(),
    Field(exclude_if=_absent, json_schema_extra=without_default),
]
"""A field that may be left out. Null is refused, and an absent one is left out again when the model is dumped."""

Items = Annotated[tuple[T, ...], BeforeValidator(_as_tuple)]
"""A JSON array, kept as a tuple so that models stay hashable."""

Negate = Annotated[
    bool,
    Field(
        exclude_if=_absent,
        description="True complements the node over the universe; false when left out.",
        json_schema_extra=without_default,
    ),
]


def fault_at(field: str, code: str, message: str) -> ValidationError:
    """Make the error of one field for a rule that looks at several."""
    details = InitErrorDetails(type=PydanticCustomError(code, message), loc=(field,), input=None)
    return ValidationError.from_exception_data("definition", [details], hide_input=True)
